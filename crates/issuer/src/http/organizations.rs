//! `/v1/organizations`: one file for each thing that can be asked.

mod create;
mod edit;
mod list;
mod show;
mod state;

use std::sync::Arc;

use doorkey_core::OrganizationId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::issuer::Issuer;
use crate::store::Organization;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit))
        .routes(routes!(state::archive))
        .routes(routes!(state::unarchive))
}

/// A customer of the API.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Organization)]
pub(super) struct OrganizationView {
    #[schema(value_type = schemas::OrganizationId)]
    id: OrganizationId,
    name: String,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
    /// Since when no key in it can be used.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    archived_at: Option<u64>,
}

impl From<Organization> for OrganizationView {
    fn from(organization: Organization) -> Self {
        let Organization { id, name, created_at, archived_at, revision: _ } = organization;
        Self { id, name, created_at, archived_at }
    }
}
