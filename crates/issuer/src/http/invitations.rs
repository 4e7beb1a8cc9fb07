//! Invitations: one file for each thing that can be asked.

mod accept;
mod create;
mod list;
mod revoke;
mod show;

use std::sync::Arc;

use doorkey_core::{InvitationId, MemberId, OrganizationId, WorkspaceId};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::access::{OrganizationRole, WorkspaceRole};
use crate::issuer::Issuer;
use crate::store::Invitation;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(revoke::revoke))
        .routes(routes!(show::show))
        .routes(routes!(accept::accept))
}

/// A role in one workspace.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InvitedToWorkspace)]
pub(super) struct InWorkspace {
    #[schema(value_type = schemas::WorkspaceId)]
    workspace: WorkspaceId,
    #[schema(value_type = schemas::WorkspaceRole)]
    role: WorkspaceRole,
}

/// An invitation that is open.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(super) struct InvitationView {
    #[schema(value_type = schemas::InvitationId)]
    id: InvitationId,
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    #[schema(value_type = schemas::Email)]
    email: String,
    #[schema(value_type = schemas::OrganizationRole)]
    role: OrganizationRole,
    workspaces: Vec<InWorkspace>,
    /// `null` for the operator on the command line.
    #[schema(value_type = Option<schemas::MemberId>, required)]
    invited_by: Option<MemberId>,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
    #[schema(value_type = schemas::Timestamp)]
    expires_at: u64,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        let in_workspace = |(workspace, role)| InWorkspace { workspace, role };
        Self {
            id: invitation.id,
            organization: invitation.organization,
            email: invitation.email,
            role: invitation.role,
            workspaces: invitation.workspaces.into_iter().map(in_workspace).collect(),
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}
