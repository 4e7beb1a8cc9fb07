//! `GET /v1/organizations/{organization}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;

use super::OrganizationView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;

/// Show an organization
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}",
    operation_id = "showOrganization",
    tag = "Organizations",
    params(("organization" = schemas::OrganizationId, Path, description = "The organization.")),
    responses(
        (
            status = 200,
            description = "The organization.",
            body = OrganizationView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn show(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
) -> Result<impl IntoResponse, Error> {
    let found = issuer.registry().show_organization(&caller.actor, organization).await?;
    Ok((ETag(found.revision), Json(OrganizationView::from(found))))
}
