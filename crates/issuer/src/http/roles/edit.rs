//! `PATCH /v1/organizations/{organization}/roles/{role}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{OrganizationId, RoleId, Scope};
use utoipa::ToSchema;

use super::RoleView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::{ETag, IfMatch};
use crate::registry::RoleChanges;

/// What shall change. What is left out stays.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleChanges)]
pub(super) struct Input {
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// Exactly these from now on, all of them yours.
    #[schema(value_type = Option<Vec<schemas::Scope>>)]
    scopes: Option<Vec<Scope>>,
}

/// Edit a custom role
///
/// Nobody edits a role that they have. Personal keys of those who have it follow at once.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization}/roles/{role}",
    operation_id = "editRole",
    tag = "Roles",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("role" = schemas::RoleId, Path, description = "The role."),
        ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
    ),
    request_body = Input,
    responses(
        (
            status = 200,
            description = "The role.",
            body = RoleView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Edit,
    ),
    security(("member" = [])),
)]
pub(super) async fn edit(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, role)): Path<(OrganizationId, RoleId)>,
    if_match: IfMatch,
    input::Input(input): input::Input<Input>,
) -> Result<impl IntoResponse, Error> {
    let Input { name, description, scopes } = input;
    let changes = RoleChanges { name, description, scopes: scopes.map(|scopes| scopes.into_iter().collect()) };
    let expected = |revision| if_match.check(revision);
    let edited = issuer.registry().edit_role(&caller.actor, organization, role, &changes, &expected).await?;
    Ok((ETag(edited.revision), Json(RoleView::from(edited))))
}
