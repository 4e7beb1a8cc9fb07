//! `POST /v1/keys`.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{Environment, KeyKind, OrganizationId, OriginPattern, Scope, WorkspaceId};
use http::StatusCode;
use ipnet::IpNet;
use utoipa::ToSchema;

use super::{CreatedKeyView, Owner, networks, present};
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::{refusals, schemas};
use crate::http::revision::ETag;
use crate::registry::{KeyPlace, NewKey, ScopeChoice};
use crate::settings::RateLimit;
use crate::store::Restriction;

/// What a new key shall be.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(super) struct Input {
    /// The workspace that it shall belong to; this or `organization`.
    #[schema(value_type = Option<schemas::WorkspaceId>)]
    workspace: Option<WorkspaceId>,
    /// The organization that it shall belong to; secret keys alone.
    #[schema(value_type = Option<schemas::OrganizationId>)]
    organization: Option<OrganizationId>,
    /// Of a key of an organization: the workspaces that it is for; all unless told.
    #[schema(value_type = Option<Vec<schemas::WorkspaceId>>)]
    workspaces: Option<Vec<WorkspaceId>>,
    #[schema(value_type = schemas::KeyKind)]
    kind: KeyKind,
    #[schema(value_type = schemas::Environment)]
    environment: Environment,
    /// `service` unless told.
    #[serde(default)]
    owner: Owner,
    /// Without one the id is shown.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(min_length = 1, max_length = 1000)]
    description: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Left out: what your role has there. `null`: all that you have. Otherwise exactly these.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<schemas::Scope>>)]
    scopes: Option<Option<Vec<Scope>>>,
    #[serde(default)]
    #[schema(value_type = Vec<schemas::OriginPattern>)]
    origins: Vec<OriginPattern>,
    #[serde(default, deserialize_with = "networks")]
    #[schema(value_type = Option<Vec<schemas::Cidr>>)]
    cidrs: Option<Vec<IpNet>>,
    /// The operator's default unless told; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::RateLimit>)]
    rate_limit: Option<Option<RateLimit>>,
    /// The operator's default unless told; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    monthly_quota: Option<Option<u64>>,
    /// The operator's own limits.
    #[serde(default)]
    limits: BTreeMap<String, u64>,
    #[serde(default)]
    #[schema(value_type = Vec<schemas::Restriction>)]
    shadow: BTreeSet<Restriction>,
    /// Seconds; publishable keys alone.
    #[schema(minimum = 1, maximum = 600)]
    session_lifetime: Option<u64>,
    /// The operator's default unless told; `null` for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::Timestamp>)]
    expires_at: Option<Option<u64>>,
    /// The operator's default unless told; `null` for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::Timestamp>)]
    rotation_due_at: Option<Option<u64>>,
    /// Whether it cannot be revoked, disabled and rolled.
    #[serde(default)]
    protected: bool,
    /// Whether each of its sessions takes a grant of a secret key; publishable keys alone.
    #[serde(default)]
    requires_grant: bool,
}

impl Input {
    fn resolve(self) -> Result<NewKey, Error> {
        let place = match (self.workspace, self.organization, self.workspaces) {
            (Some(workspace), None, None) => KeyPlace::Workspace(workspace),
            (None, Some(organization), workspaces) => KeyPlace::Organization(organization, workspaces),
            (Some(_), None, Some(_)) => return Err(Error::invalid("workspaces", "is for keys of an organization")),
            _ => return Err(Error::invalid("workspace", "either a workspace or an organization")),
        };
        Ok(NewKey {
            kind: self.kind,
            environment: self.environment,
            place,
            is_personal: self.owner == Owner::Personal,
            name: self.name,
            description: self.description,
            metadata: self.metadata,
            scopes: match self.scopes {
                None => ScopeChoice::Role,
                Some(None) => ScopeChoice::Creator,
                Some(Some(scopes)) => ScopeChoice::Exactly(scopes.into_iter().collect()),
            },
            origins: self.origins,
            cidrs: self.cidrs.unwrap_or_default(),
            rate_limit: self.rate_limit,
            monthly_quota: self.monthly_quota,
            limits: self.limits,
            shadow: self.shadow,
            session_lifetime: self.session_lifetime,
            expires_at: self.expires_at,
            rotation_due_at: self.rotation_due_at,
            is_protected: self.protected,
            requires_grant: self.requires_grant,
        })
    }
}

/// Create a key
///
/// A secret key is shown in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "createKey",
    tag = "Keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent.")),
    request_body = Input,
    responses(
        (
            status = 201,
            description = "The key.",
            body = CreatedKeyView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Change,
    ),
    security(("member" = [])),
)]
pub(super) async fn create(
    State(issuer): Shared,
    caller: Caller,
    RepeatableInput { input, idempotency }: RepeatableInput<Input>,
) -> Result<impl IntoResponse, Error> {
    let created = issuer.registry().create_key_once(&caller.actor, input.resolve()?, idempotency.as_ref()).await?;
    let view = CreatedKeyView::of(&created, &issuer);
    Ok((StatusCode::CREATED, ETag(created.record().revision), Json(view)))
}
