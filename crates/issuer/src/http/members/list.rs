//! `GET /v1/organizations/{organization}/members`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;

use super::MemberView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Listing, Page};
use crate::http::path::Path;
use crate::http::query::Query;

/// List the members of an organization
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/members",
    operation_id = "listMembers",
    tag = "Members",
    params(("organization" = schemas::OrganizationId, Path, description = "The organization."), Page),
    responses((status = 200, description = "One page of members.", body = Listing<MemberView>), refusals::Read),
    security(("member" = [])),
)]
pub(in crate::http::members) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    Query(page): Query<Page>,
) -> Result<impl IntoResponse, Error> {
    let most = page.limit.entries_and_one();
    let found = issuer.registry().members(&caller.actor, organization, page.after()?, most).await?;
    Ok(Json(Listing::of(found, page.limit, |found| Cursor::of_id(found.person), MemberView::from)))
}
