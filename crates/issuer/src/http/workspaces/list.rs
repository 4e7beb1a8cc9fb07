//! `GET /v1/organizations/{organization}/workspaces`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;

use super::WorkspaceView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Listing, Page};
use crate::http::path::Path;
use crate::http::query::Query;

/// List the workspaces of an organization
///
/// Those that you have a part in, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/workspaces",
    operation_id = "listWorkspaces",
    tag = "Workspaces",
    params(("organization" = schemas::OrganizationId, Path, description = "The organization."), Page),
    responses(
        (status = 200, description = "One page of workspaces.", body = Listing<WorkspaceView>),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Query(page): Query<Page>,
) -> Result<impl IntoResponse, Error> {
    let most = page.limit.entries_and_one();
    let found = issuer.registry().workspaces(&caller.actor, organization, page.after()?, most).await?;
    Ok(Json(Listing::of(found, page.limit, |found| Cursor::of_id(found.id), WorkspaceView::from)))
}
