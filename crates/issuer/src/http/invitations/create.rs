//! `POST /v1/organizations/{organization}/invitations`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;
use http::StatusCode;
use utoipa::ToSchema;

use super::{InWorkspace, InvitationView};
use crate::access::OrganizationRole;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::registry::{Email, NewInvitation};

/// Whom to invite, and to what.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewInvitation)]
pub(super) struct Input {
    #[schema(value_type = schemas::Email)]
    email: Email,
    /// `member` unless told.
    #[serde(default = "member")]
    #[schema(value_type = Option<schemas::OrganizationRole>)]
    role: OrganizationRole,
    #[serde(default)]
    #[schema(max_items = 100)]
    workspaces: Vec<InWorkspace>,
}

fn member() -> OrganizationRole {
    OrganizationRole::Member
}

/// An invitation, with its link.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = CreatedInvitation)]
pub(super) struct CreatedInvitationView {
    /// The whole URL, for the invited alone. It is shown this once and stored nowhere: `null` where the same request was
    /// answered before.
    #[schema(required)]
    link: Option<String>,
    #[serde(flatten)]
    invitation: InvitationView,
}

/// Invite somebody
///
/// For seven days, in place of an earlier invitation for the same address.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/invitations",
    operation_id = "createInvitation",
    tag = "Invitations",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent."),
    ),
    request_body = Input,
    responses((status = 201, description = "The invitation.", body = CreatedInvitationView), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn create(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    RepeatableInput { input, idempotency }: RepeatableInput<Input>,
) -> Result<impl IntoResponse, Error> {
    let Input { email, role, workspaces } = input;
    let workspaces = workspaces.into_iter().map(|InWorkspace { workspace, role }| (workspace, role)).collect();
    let new = NewInvitation { email, role, workspaces };
    let (invitation, link) = issuer.registry().invite(&caller.actor, organization, new, idempotency.as_ref()).await?;
    let link = link.map(|link| link.as_str().to_owned());
    Ok((StatusCode::CREATED, Json(CreatedInvitationView { link, invitation: invitation.into() })))
}
