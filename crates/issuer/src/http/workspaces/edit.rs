//! `PATCH /v1/workspaces/{workspace}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::WorkspaceId;
use utoipa::ToSchema;

use super::WorkspaceView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::{ETag, IfMatch};
use crate::registry::TenantChange;

/// What shall change.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WorkspaceChanges)]
pub(super) struct Input {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Rename a workspace
#[utoipa::path(
    patch,
    path = "/v1/workspaces/{workspace}",
    operation_id = "editWorkspace",
    tag = "Workspaces",
    params(
        ("workspace" = schemas::WorkspaceId, Path, description = "The workspace."),
        ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
    ),
    request_body = Input,
    responses(
        (
            status = 200,
            description = "The workspace.",
            body = WorkspaceView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Edit,
    ),
    security(("member" = [])),
)]
pub(super) async fn edit(
    State(issuer): Shared,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
    if_match: IfMatch,
    input::Input(input): input::Input<Input>,
) -> Result<impl IntoResponse, Error> {
    let (what, expected) = (TenantChange::Rename(input.name), |revision| if_match.check(revision));
    let changed = issuer.registry().change_workspace(&caller.actor, workspace, &what, &expected).await?;
    Ok((ETag(changed.revision), Json(WorkspaceView::from(changed))))
}
