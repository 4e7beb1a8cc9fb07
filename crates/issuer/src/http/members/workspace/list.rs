//! `GET /v1/workspaces/{workspace}/members`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::WorkspaceId;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::members::WorkspaceMemberView;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Listing, Page};
use crate::http::path::Path;
use crate::http::query::Query;

/// List who has a role in a workspace
///
/// Admins of the organization may do everything in it without one.
#[utoipa::path(
    get,
    path = "/v1/workspaces/{workspace}/members",
    operation_id = "listWorkspaceMembers",
    tag = "Members",
    params(("workspace" = schemas::WorkspaceId, Path, description = "The workspace."), Page),
    responses((status = 200, description = "One page of members.", body = Listing<WorkspaceMemberView>), refusals::Read),
    security(("member" = [])),
)]
pub(in crate::http::members) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
    Query(page): Query<Page>,
) -> Result<impl IntoResponse, Error> {
    let most = page.limit.entries_and_one();
    let found = issuer.registry().workspace_members(&caller.actor, workspace, page.after()?, most).await?;
    Ok(Json(Listing::of(found, page.limit, |found| Cursor::of_id(found.person), WorkspaceMemberView::from)))
}
