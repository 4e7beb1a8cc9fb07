//! `POST /v1/workspaces/{workspace}/archive` and its opposite.

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
use crate::http::revision::{ETag, IfMatch};
use crate::registry::TenantChange;

/// Declares an endpoint that applies one change of state.
macro_rules! state_endpoints {
    ($($(#[$doc:meta])* $name:ident $path:literal $operation:literal $change:ident;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $operation,
            tag = "Workspaces",
            params(
                ("workspace" = schemas::WorkspaceId, Path, description = "The workspace."),
                ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
            ),
            responses(
                (
                    status = 200,
                    description = "The workspace as it is now.",
                    body = WorkspaceView,
                    headers(("ETag" = String, description = "Its revision.")),
                ),
                refusals::Edit,
            ),
            security(("member" = [])),
        )]
        pub(super) async fn $name(
            State(issuer): Shared,
            caller: Caller,
            Path(workspace): Path<WorkspaceId>,
            if_match: IfMatch,
        ) -> Result<impl IntoResponse, Error> {
            let (what, expected) = (TenantChange::$change, |revision| if_match.check(revision));
            let changed = issuer.registry().change_workspace(&caller.actor, workspace, &what, &expected).await?;
            Ok((ETag(changed.revision), Json(WorkspaceView::from(changed))))
        }
    )+};
}

state_endpoints! {
    /// Archive a workspace
    ///
    /// Until it is unarchived no key in it can be used or created.
    archive "/v1/workspaces/{workspace}/archive" "archiveWorkspace" Archive;
    /// Unarchive a workspace
    unarchive "/v1/workspaces/{workspace}/unarchive" "unarchiveWorkspace" Unarchive;
}
