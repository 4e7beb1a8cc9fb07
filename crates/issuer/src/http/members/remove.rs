//! `DELETE /v1/organizations/{organization}/members/{member}`.

use axum::extract::State;
use doorkey_core::{MemberId, OrganizationId};
use http::StatusCode;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// Remove a member from an organization
///
/// Everybody may leave, except the last admin. Personal keys are revoked at once.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization}/members/{member}",
    operation_id = "removeMember",
    tag = "Members",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("member" = schemas::MemberId, Path, description = "The member."),
    ),
    responses((status = 204, description = "The member is gone."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn remove(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, member)): Path<(OrganizationId, MemberId)>,
) -> Result<StatusCode, Error> {
    issuer.registry().remove_member(&caller.actor, organization, member).await?;
    Ok(StatusCode::NO_CONTENT)
}
