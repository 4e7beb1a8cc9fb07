//! `/v1/keys`: one file for each thing that can be asked.

mod create;
mod edit;
mod list;
mod roll;
mod show;
mod state;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorkey_core::{Environment, KeyId, KeyKind, MemberId, OrganizationId, OriginPattern, Scope, WorkspaceId};
use ipnet::IpNet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::issuer::Issuer;
use crate::registry::{CreatedKey, parse_network};
use crate::settings::RateLimit;
use crate::store::{KeyOwner, KeyRecord, KeyState, Restriction};

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit))
        .routes(routes!(roll::roll))
        .routes(routes!(state::revoke))
        .routes(routes!(state::disable))
        .routes(routes!(state::enable))
        .routes(routes!(state::protect))
        .routes(routes!(state::unprotect))
        .routes(routes!(state::convert))
        .routes(routes!(usage::usage))
}

/// Who stands behind a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Owner {
    /// The key itself: its name is the actor, whoever comes and goes.
    #[default]
    Service,
    /// A member; the key ends with the membership.
    Personal,
}

/// A key, without what could sign in.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Key)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(super) struct KeyView {
    #[schema(value_type = schemas::KeyId)]
    id: KeyId,
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    /// `null` for a key of the organization itself.
    #[schema(value_type = Option<schemas::WorkspaceId>, required)]
    workspace: Option<WorkspaceId>,
    /// Of a key of the organization: the workspaces that it is for, `null` for all of them.
    #[schema(value_type = Option<Vec<schemas::WorkspaceId>>, required)]
    workspaces: Option<Vec<WorkspaceId>>,
    #[schema(value_type = schemas::KeyKind)]
    kind: KeyKind,
    #[schema(value_type = schemas::Environment)]
    environment: Environment,
    /// A publishable key in full; of a secret key the prefix and the last four characters.
    key: String,
    owner: Owner,
    /// The member behind a personal key.
    #[schema(value_type = Option<schemas::MemberId>, required)]
    owner_id: Option<MemberId>,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    /// What it can be used for now.
    #[schema(value_type = schemas::KeyState)]
    state: KeyState,
    #[schema(value_type = Vec<schemas::Scope>)]
    scopes: Vec<Scope>,
    #[schema(value_type = Vec<schemas::OriginPattern>)]
    origins: Vec<OriginPattern>,
    #[schema(value_type = Vec<schemas::Cidr>)]
    cidrs: Vec<IpNet>,
    #[schema(value_type = Option<schemas::RateLimit>, required)]
    rate_limit: Option<RateLimit>,
    #[schema(required)]
    monthly_quota: Option<u64>,
    /// The operator's own limits, those that the key leaves to the catalogue included.
    limits: BTreeMap<String, u64>,
    /// Restrictions that refuse nothing and count what they would have refused.
    #[schema(value_type = Vec<schemas::Restriction>)]
    shadow: BTreeSet<Restriction>,
    /// Sessions that they would have refused.
    shadow_refusals: u64,
    /// Seconds; `null` for the issuer's setting.
    #[schema(required)]
    session_lifetime: Option<u64>,
    /// `null` for the operator on the command line.
    #[schema(value_type = Option<schemas::MemberId>, required)]
    created_by: Option<MemberId>,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    expires_at: Option<u64>,
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    rotation_due_at: Option<u64>,
    /// Within a minute.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    last_used_at: Option<u64>,
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    disabled_at: Option<u64>,
    protected: bool,
    /// Whether each of its sessions takes a grant of a secret key.
    requires_grant: bool,
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    revoked_at: Option<u64>,
    /// When it was first seen where a secret key must not be.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    leaked_at: Option<u64>,
    /// The key that this one replaces.
    #[schema(value_type = Option<schemas::KeyId>, required)]
    rolled_from: Option<KeyId>,
    /// The key that replaces this one.
    #[schema(value_type = Option<schemas::KeyId>, required)]
    rolled_to: Option<KeyId>,
    /// The end of its grace, once it has been rolled.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    ends_at: Option<u64>,
    /// Whether its successor's first use ends it.
    ends_on_first_use: bool,
    /// Whether its workspace or organization is archived, so that it cannot be used.
    archived: bool,
}

impl KeyView {
    pub(super) fn of(key: &KeyRecord, issuer: &Issuer) -> Self {
        let settings = issuer.settings();
        let defaults = settings.limits().all().iter().filter_map(|limit| Some((limit.name.clone(), limit.default?)));
        let mut limits: BTreeMap<_, _> = defaults.collect();
        limits.extend(key.limits.clone());
        Self {
            id: key.id,
            organization: key.organization,
            workspace: key.workspace,
            workspaces: key.workspaces.clone(),
            kind: key.kind,
            environment: key.environment,
            key: issuer.registry().shown_key(key),
            owner: if key.owner == KeyOwner::Service { Owner::Service } else { Owner::Personal },
            owner_id: key.owner.member(),
            name: key.name.clone(),
            description: key.description.clone(),
            metadata: key.metadata.clone(),
            state: key.state(issuer.clock().now()),
            scopes: key.scopes.iter().cloned().collect(),
            origins: key.origins.clone(),
            cidrs: key.cidrs.clone(),
            rate_limit: key.rate_limit,
            monthly_quota: key.monthly_quota,
            limits,
            shadow: key.shadow.clone(),
            shadow_refusals: key.shadow_refusals,
            session_lifetime: key.session_lifetime,
            created_by: key.created_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            rotation_due_at: key.rotation_due_at,
            last_used_at: key.last_used_at,
            disabled_at: key.disabled_at,
            protected: key.protected_at.is_some(),
            requires_grant: key.requires_grant,
            revoked_at: key.revoked_at,
            leaked_at: key.leaked_at,
            rolled_from: key.rolled_from,
            rolled_to: key.rolled_to,
            ends_at: key.ends_at,
            ends_on_first_use: key.ends_on_use,
            archived: key.archived_at.is_some(),
        }
    }
}

/// A key that was just created or rolled.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub(super) struct CreatedKeyView {
    /// The whole secret key. It is shown this once and stored nowhere: `null` where the same request was answered before,
    /// and for a publishable key, which `key` shows in full.
    #[schema(required)]
    secret: Option<String>,
    #[serde(flatten)]
    key: KeyView,
}

impl CreatedKeyView {
    pub(super) fn of(created: &CreatedKey, issuer: &Issuer) -> Self {
        let is_secret = created.record().kind == KeyKind::Secret;
        let secret = created.to_key_string().filter(|_| is_secret).map(|text| text.as_str().to_owned());
        Self { secret, key: KeyView::of(created.record(), issuer) }
    }
}

/// Tells a member that is `null` from one that is not there: for `#[serde(default, deserialize_with = "present")]`.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// Networks as people write them: a single address is a network of one.
pub(super) fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<IpNet>>, D::Error> {
    let texts = <Option<Vec<String>> as serde::Deserialize>::deserialize(deserializer)?;
    let network = |text: String| parse_network(&text).map_err(serde::de::Error::custom);
    texts.map(|texts| texts.into_iter().map(network).collect()).transpose()
}
