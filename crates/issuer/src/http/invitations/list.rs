//! `GET /v1/organizations/{organization}/invitations`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{InvitationId, OrganizationId};

use super::InvitationView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Listing, Page};
use crate::http::path::Path;
use crate::http::query::Query;
use crate::store::Invitation;

/// List open invitations
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/invitations",
    operation_id = "listInvitations",
    tag = "Invitations",
    params(("organization" = schemas::OrganizationId, Path, description = "The organization."), Page),
    responses(
        (status = 200, description = "One page of invitations.", body = Listing<InvitationView>),
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
    let after: InvitationId = page.after()?;
    let limit = page.limit;
    let rows = issuer.registry().invitations(&caller.actor, organization, after, limit.entries_and_one()).await?;
    let cursor = |row: &Invitation| Cursor { sort_key: Vec::new(), id: *row.id.as_bytes() };
    Ok(Json(Listing::of(rows, limit, cursor, InvitationView::from)))
}
