//! `POST /v1/organizations`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use utoipa::ToSchema;

use super::OrganizationView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::refusals;
use crate::http::revision::ETag;

/// What a new organization shall be.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrganization)]
pub(super) struct Input {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Create an organization
///
/// Takes an operator, who becomes its admin.
#[utoipa::path(
    post,
    path = "/v1/organizations",
    operation_id = "createOrganization",
    tag = "Organizations",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent.")),
    request_body = Input,
    responses(
        (
            status = 201,
            description = "The organization.",
            body = OrganizationView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Change,
    ),
    security(("member" = [])),
)]
pub(super) async fn create(
    State(issuer): Shared,
    caller: Caller,
    RepeatableInput { input, idempotency }: RepeatableInput<Input>,
) -> Result<impl IntoResponse, Error> {
    let created = issuer.registry().create_organization(&caller.actor, &input.name, idempotency.as_ref()).await?;
    Ok((StatusCode::CREATED, ETag(created.revision), Json(OrganizationView::from(created))))
}
