//! `PATCH /v1/organizations/{organization}/members/{member}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{MemberId, OrganizationId};
use utoipa::ToSchema;

use super::MemberView;
use crate::access::OrganizationRole;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::{ETag, IfMatch};

/// What shall change.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChanges)]
pub(super) struct Input {
    #[schema(value_type = schemas::OrganizationRole)]
    role: OrganizationRole,
}

/// Give a member another role
///
/// Nobody changes their own, and an organization keeps an admin. Personal keys follow at once.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization}/members/{member}",
    operation_id = "editMember",
    tag = "Members",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("member" = schemas::MemberId, Path, description = "The member."),
        ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
    ),
    request_body = Input,
    responses(
        (
            status = 200,
            description = "The member.",
            body = MemberView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Edit,
    ),
    security(("member" = [])),
)]
pub(super) async fn edit(
    State(issuer): Shared,
    caller: Caller,
    Path((organization, member)): Path<(OrganizationId, MemberId)>,
    if_match: IfMatch,
    input::Input(input): input::Input<Input>,
) -> Result<impl IntoResponse, Error> {
    let expected = |revision| if_match.check(revision);
    let registry = issuer.registry();
    let changed = registry.change_member(&caller.actor, organization, member, input.role, &expected).await?;
    Ok((ETag(changed.revision), Json(MemberView::from(changed))))
}
