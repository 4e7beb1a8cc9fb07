//! `GET /v1/workspaces/{workspace}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::WorkspaceId;

use super::WorkspaceView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;

/// Show a workspace
#[utoipa::path(
    get,
    path = "/v1/workspaces/{workspace}",
    operation_id = "showWorkspace",
    tag = "Workspaces",
    params(("workspace" = schemas::WorkspaceId, Path, description = "The workspace.")),
    responses(
        (
            status = 200,
            description = "The workspace.",
            body = WorkspaceView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn show(
    State(issuer): Shared,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<impl IntoResponse, Error> {
    let found = issuer.registry().show_workspace(&caller.actor, workspace).await?;
    Ok((ETag(found.revision), Json(WorkspaceView::from(found))))
}
