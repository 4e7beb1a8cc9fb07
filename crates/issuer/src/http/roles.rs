//! Custom roles and presets: one file for each thing that can be asked.

mod create;
mod edit;
mod list;
mod presets;
mod remove;
mod show;

use std::sync::Arc;

use doorkey_core::{OrganizationId, RoleId, Scope};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::issuer::Issuer;
use crate::store::Role;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit, remove::remove))
        .routes(routes!(presets::presets))
}

/// A role of an organization's own.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Role)]
pub(super) struct RoleView {
    #[schema(value_type = schemas::RoleId)]
    id: RoleId,
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    name: String,
    /// Empty for none.
    description: String,
    /// Scopes of the catalogue, and permissions.
    #[schema(value_type = Vec<schemas::Scope>)]
    scopes: Vec<Scope>,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let Role { id, organization, name, description, scopes, created_at, revision: _ } = role;
        Self { id, organization, name, description, scopes: scopes.iter().cloned().collect(), created_at }
    }
}
