//! `DELETE /v1/workspaces/{workspace}/members/{member}`.

use axum::extract::State;
use doorkey_core::{MemberId, WorkspaceId};
use http::StatusCode;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// Take a member's role in a workspace away
///
/// Personal keys follow at once.
#[utoipa::path(
    delete,
    path = "/v1/workspaces/{workspace}/members/{member}",
    operation_id = "removeWorkspaceMember",
    tag = "Members",
    params(
        ("workspace" = schemas::WorkspaceId, Path, description = "The workspace."),
        ("member" = schemas::MemberId, Path, description = "The member."),
    ),
    responses((status = 204, description = "The member has no role there."), refusals::Change),
    security(("member" = [])),
)]
pub(in crate::http::members) async fn remove(
    State(issuer): Shared,
    caller: Caller,
    Path((workspace, member)): Path<(WorkspaceId, MemberId)>,
) -> Result<StatusCode, Error> {
    issuer.registry().remove_workspace_role(&caller.actor, workspace, member).await?;
    Ok(StatusCode::NO_CONTENT)
}
