//! `DELETE /v1/organizations/{organization}/roles/{role}`.

use axum::extract::State;
use doorkey_core::{OrganizationId, RoleId};
use http::StatusCode;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// Delete a custom role
///
/// One that nobody has and nobody is invited to.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization}/roles/{role}",
    operation_id = "deleteRole",
    tag = "Roles",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("role" = schemas::RoleId, Path, description = "The role."),
    ),
    responses((status = 204, description = "The role is gone."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn remove(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, role)): Path<(OrganizationId, RoleId)>,
) -> Result<StatusCode, Error> {
    issuer.registry().delete_role(&caller.actor, organization, role).await?;
    Ok(StatusCode::NO_CONTENT)
}
