//! `GET /v1/organizations`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use super::OrganizationView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::refusals;
use crate::http::page::{Cursor, Listing, Page};
use crate::http::query::Query;

/// List your organizations
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations",
    operation_id = "listOrganizations",
    tag = "Organizations",
    params(Page),
    responses(
        (status = 200, description = "One page of organizations.", body = Listing<OrganizationView>),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<impl IntoResponse, Error> {
    let most = page.limit.entries_and_one();
    let found = issuer.registry().organizations(&caller.actor, page.after()?, most).await?;
    Ok(Json(Listing::of(found, page.limit, |found| Cursor::of_id(found.id), OrganizationView::from)))
}
