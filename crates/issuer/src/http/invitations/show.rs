//! `POST /v1/invitations/show`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use utoipa::ToSchema;

use crate::access::OrganizationRole;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Visitor;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::http::token::Token;

/// Which invitation is meant.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitationLink {
    #[schema(value_type = schemas::LinkToken)]
    token: Token,
}

/// What whoever has the link may know. Whether somebody has the address already is not part of it.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = OpenInvitation)]
pub(super) struct OpenInvitationView {
    organization_name: String,
    #[schema(value_type = schemas::Email)]
    email: String,
    #[schema(value_type = schemas::OrganizationRole)]
    role: OrganizationRole,
    /// Of a custom role.
    #[schema(required)]
    role_name: Option<String>,
    #[schema(value_type = schemas::Timestamp)]
    expires_at: u64,
}

/// Show an invitation to the invited
#[utoipa::path(
    post,
    path = "/v1/invitations/show",
    operation_id = "showInvitation",
    tag = "Invitations",
    request_body = InvitationLink,
    responses((status = 200, description = "What it is about.", body = OpenInvitationView), refusals::Submit),
)]
pub(super) async fn show(
    State(issuer): Shared,
    _: Visitor,
    Input(link): Input<InvitationLink>,
) -> Result<impl IntoResponse, Error> {
    let found = issuer.registry().invitation_by_token(link.token.as_str()).await?;
    Ok(Json(OpenInvitationView {
        organization_name: found.organization.name,
        email: found.invitation.email,
        role: found.invitation.role,
        role_name: found.custom_role.map(|role| role.name),
        expires_at: found.invitation.expires_at,
    }))
}
