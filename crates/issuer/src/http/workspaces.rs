//! `/v1/workspaces`: one file for each thing that can be asked.

mod create;
mod edit;
mod list;
mod show;
mod state;

use std::sync::Arc;

use doorkey_core::{OrganizationId, WorkspaceId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::issuer::Issuer;
use crate::store::Workspace;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit))
        .routes(routes!(state::archive))
        .routes(routes!(state::unarchive))
}

/// A unit inside an organization.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Workspace)]
pub(super) struct WorkspaceView {
    #[schema(value_type = schemas::WorkspaceId)]
    id: WorkspaceId,
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    name: String,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
    /// Since when no key in it can be used.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    archived_at: Option<u64>,
}

impl From<Workspace> for WorkspaceView {
    fn from(workspace: Workspace) -> Self {
        let Workspace { id, organization, name, created_at, archived_at, revision: _ } = workspace;
        Self { id, organization, name, created_at, archived_at }
    }
}
