//! `PUT /v1/workspaces/{workspace}/members/{member}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{MemberId, WorkspaceId};
use utoipa::ToSchema;

use crate::access::WorkspaceRole;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input;
use crate::http::members::WorkspaceMemberView;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// What a member may do in the workspace.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkspaceMembership)]
pub(in crate::http::members) struct Input {
    #[schema(value_type = schemas::WorkspaceRole)]
    role: WorkspaceRole,
}

/// Give a member of the organization a role in a workspace
///
/// In place of the one before. Personal keys follow at once.
#[utoipa::path(
    put,
    path = "/v1/workspaces/{workspace}/members/{member}",
    operation_id = "setWorkspaceMember",
    tag = "Members",
    params(
        ("workspace" = schemas::WorkspaceId, Path, description = "The workspace."),
        ("member" = schemas::MemberId, Path, description = "The member."),
    ),
    request_body = Input,
    responses((status = 200, description = "The member.", body = WorkspaceMemberView), refusals::Change),
    security(("member" = [])),
)]
pub(in crate::http::members) async fn set(
    State(issuer): Shared,
    caller: Caller,
    Path((workspace, member)): Path<(WorkspaceId, MemberId)>,
    input::Input(input): input::Input<Input>,
) -> Result<impl IntoResponse, Error> {
    let membership = issuer.registry().set_workspace_role(&caller.actor, workspace, member, input.role).await?;
    Ok(Json(WorkspaceMemberView::from(membership)))
}
