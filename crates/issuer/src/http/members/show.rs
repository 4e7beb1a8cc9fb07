//! `GET /v1/organizations/{organization}/members/{member}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{MemberId, OrganizationId};

use super::MemberView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;

/// Show a member of an organization
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/members/{member}",
    operation_id = "showMember",
    tag = "Members",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("member" = schemas::MemberId, Path, description = "The member."),
    ),
    responses(
        (
            status = 200,
            description = "The member.",
            body = MemberView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn show(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, member)): Path<(OrganizationId, MemberId)>,
) -> Result<impl IntoResponse, Error> {
    let found = issuer.registry().show_member(&caller.actor, organization, member).await?;
    Ok((ETag(found.revision), Json(MemberView::from(found))))
}
