//! `DELETE /v1/organizations/{organization}/invitations/{invitation}`.

use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{InvitationId, OrganizationId};
use http::StatusCode;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// Revoke an invitation
///
/// Its link ends at once.
#[utoipa::path(
    delete,
    path = "/v1/organizations/{organization}/invitations/{invitation}",
    operation_id = "revokeInvitation",
    tag = "Invitations",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("invitation" = schemas::InvitationId, Path, description = "The invitation."),
    ),
    responses((status = 204, description = "It has ended."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn revoke(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, invitation)): Path<(OrganizationId, InvitationId)>,
) -> Result<impl IntoResponse, Error> {
    issuer.registry().revoke_invitation(&caller.actor, organization, invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}
