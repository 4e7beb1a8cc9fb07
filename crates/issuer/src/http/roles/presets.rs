//! `GET /v1/presets`.

use axum::Json;
use axum::extract::State;
use doorkey_core::{Scope, ScopeSet};
use utoipa::ToSchema;

use crate::access::{OrganizationRole, Permission, Rights, WorkspaceRole};
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};

/// The roles that every organization has, and what custom ones can be made of.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Presets {
    /// The roles in an organization.
    organization: Vec<Preset>,
    /// The roles in a workspace.
    workspace: Vec<Preset>,
    /// What can stand in a custom role besides the scopes of the catalogue.
    permissions: Vec<PermissionView>,
}

/// A role that cannot be changed. What it permits follows the catalogue.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Preset {
    name: &'static str,
    description: &'static str,
    /// What it permits in the registry.
    #[schema(value_type = Vec<schemas::Scope>)]
    permissions: Vec<&'static str>,
    /// What it permits to give to keys.
    #[schema(value_type = Vec<schemas::Scope>)]
    scopes: Vec<Scope>,
}

/// One thing that a member may do to the registry.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Permission)]
pub(super) struct PermissionView {
    #[schema(value_type = schemas::Scope)]
    name: &'static str,
    description: &'static str,
}

impl Preset {
    fn new(name: &'static str, description: &'static str, rights: &Rights) -> Self {
        let permissions = rights.permissions.iter().map(|permission| permission.as_str()).collect();
        Self { name, description, permissions, scopes: rights.scopes.iter().cloned().collect() }
    }
}

/// Show the preset roles and the permissions
#[utoipa::path(
    get,
    path = "/v1/presets",
    operation_id = "showPresets",
    tag = "Roles",
    responses((status = 200, description = "What they permit today.", body = Presets), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn presets(State(issuer): Shared, _: Caller) -> Json<Presets> {
    let settings = issuer.settings();
    let (none, catalogue) = (ScopeSet::empty(), settings.catalogue());
    let organization = OrganizationRole::ALL_PRESETS
        .iter()
        .map(|role| Preset::new(role.kind(), role.description(), &Rights::in_organization(*role, &none, catalogue)));
    let workspace = WorkspaceRole::ALL_PRESETS
        .iter()
        .map(|role| Preset::new(role.kind(), role.description(), &Rights::in_workspace(*role, &none, catalogue)));
    let permissions = Permission::ALL
        .iter()
        .map(|permission| PermissionView { name: permission.as_str(), description: permission.description() });
    Json(Presets {
        organization: organization.collect(),
        workspace: workspace.collect(),
        permissions: permissions.collect(),
    })
}
