//! `GET /v1/organizations/{organization}/roles/{role}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{OrganizationId, RoleId};

use super::RoleView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;

/// Show a custom role
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/roles/{role}",
    operation_id = "showRole",
    tag = "Roles",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("role" = schemas::RoleId, Path, description = "The role."),
    ),
    responses(
        (
            status = 200,
            description = "The role.",
            body = RoleView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn show(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, role)): Path<(OrganizationId, RoleId)>,
) -> Result<impl IntoResponse, Error> {
    let found = issuer.registry().show_role(&caller.actor, organization, role).await?;
    Ok((ETag(found.revision), Json(RoleView::from(found))))
}
