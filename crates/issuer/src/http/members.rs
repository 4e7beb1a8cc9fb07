//! Members of organizations and of workspaces: one file for each thing that can be asked.

mod edit;
mod list;
mod remove;
mod show;
mod workspace;

use std::sync::Arc;

use doorkey_core::MemberId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::access::{OrganizationRole, WorkspaceRole};
use crate::issuer::Issuer;
use crate::store::{Membership, WorkspaceMembership};

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(show::show, edit::edit, remove::remove))
        .routes(routes!(workspace::list::list))
        .routes(routes!(workspace::set::set, workspace::remove::remove))
}

/// A person in an organization.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberView {
    #[schema(value_type = schemas::MemberId)]
    id: MemberId,
    email: String,
    name: String,
    #[schema(value_type = schemas::OrganizationRole)]
    role: OrganizationRole,
    #[schema(value_type = schemas::Timestamp)]
    joined_at: u64,
}

impl From<Membership> for MemberView {
    fn from(membership: Membership) -> Self {
        let Membership { person, email, name, role, joined_at, .. } = membership;
        Self { id: person, email, name, role, joined_at }
    }
}

/// A person in a workspace.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = WorkspaceMember)]
pub(super) struct WorkspaceMemberView {
    #[schema(value_type = schemas::MemberId)]
    id: MemberId,
    email: String,
    name: String,
    #[schema(value_type = schemas::WorkspaceRole)]
    role: WorkspaceRole,
    #[schema(value_type = schemas::Timestamp)]
    joined_at: u64,
}

impl From<WorkspaceMembership> for WorkspaceMemberView {
    fn from(membership: WorkspaceMembership) -> Self {
        let WorkspaceMembership { person, email, name, role, joined_at, .. } = membership;
        Self { id: person, email, name, role, joined_at }
    }
}
