//! `PATCH /v1/keys/{key}`.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{KeyId, OriginPattern, Scope, WorkspaceId};
use ipnet::IpNet;
use utoipa::ToSchema;

use super::{KeyView, networks, present};
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::{ETag, IfMatch};
use crate::registry::KeyChanges;
use crate::settings::RateLimit;
use crate::store::Restriction;

/// What shall change. What is left out stays; `null` takes it away.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyChanges)]
pub(super) struct Input {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    description: Option<Option<String>>,
    metadata: Option<BTreeMap<String, String>>,
    /// Exactly these from now on. What is added must be yours.
    #[schema(value_type = Option<Vec<schemas::Scope>>)]
    scopes: Option<Vec<Scope>>,
    /// Of a key of an organization; `null` for all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<schemas::WorkspaceId>>)]
    workspaces: Option<Option<Vec<WorkspaceId>>>,
    #[schema(value_type = Option<Vec<schemas::OriginPattern>>)]
    origins: Option<Vec<OriginPattern>>,
    #[serde(default, deserialize_with = "networks")]
    #[schema(value_type = Option<Vec<schemas::Cidr>>)]
    cidrs: Option<Vec<IpNet>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::RateLimit>)]
    rate_limit: Option<Option<RateLimit>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    monthly_quota: Option<Option<u64>>,
    limits: Option<BTreeMap<String, u64>>,
    #[schema(value_type = Option<Vec<schemas::Restriction>>)]
    shadow: Option<BTreeSet<Restriction>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 600)]
    session_lifetime: Option<Option<u64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::Timestamp>)]
    expires_at: Option<Option<u64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<schemas::Timestamp>)]
    rotation_due_at: Option<Option<u64>>,
    requires_grant: Option<bool>,
}

impl From<Input> for KeyChanges {
    fn from(input: Input) -> Self {
        Self {
            name: input.name,
            description: input.description,
            metadata: input.metadata,
            scopes: input.scopes.map(|scopes| scopes.into_iter().collect()),
            workspaces: input.workspaces,
            origins: input.origins,
            cidrs: input.cidrs,
            rate_limit: input.rate_limit,
            monthly_quota: input.monthly_quota,
            limits: input.limits,
            shadow: input.shadow,
            session_lifetime: input.session_lifetime,
            expires_at: input.expires_at,
            rotation_due_at: input.rotation_due_at,
            requires_grant: input.requires_grant,
        }
    }
}

/// Edit a key
#[utoipa::path(
    patch,
    path = "/v1/keys/{key}",
    operation_id = "editKey",
    tag = "Keys",
    params(
        ("key" = schemas::KeyId, Path, description = "The key."),
        ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
    ),
    request_body = Input,
    responses(
        (
            status = 200,
            description = "The key.",
            body = KeyView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Edit,
    ),
    security(("member" = [])),
)]
pub(super) async fn edit(
    State(issuer): Shared,
    caller: Caller,
    Path(key): Path<KeyId>,
    if_match: IfMatch,
    input::Input(input): input::Input<Input>,
) -> Result<impl IntoResponse, Error> {
    let expected = |revision| if_match.check(revision);
    let record = issuer.registry().edit_key(&caller.actor, key, &input.into(), &expected).await?;
    Ok((ETag(record.revision), Json(KeyView::of(&record, &issuer))))
}
