//! `POST /v1/organizations/{organization}/roles`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{OrganizationId, Scope};
use http::StatusCode;
use utoipa::ToSchema;

use super::RoleView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;
use crate::registry::NewRole;

/// What a new role shall be.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRole)]
pub(super) struct Input {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(default)]
    #[schema(max_length = 1000)]
    description: String,
    /// Scopes of the catalogue, and permissions, all of them yours.
    #[schema(value_type = Vec<schemas::Scope>)]
    scopes: Vec<Scope>,
}

/// Create a custom role
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/roles",
    operation_id = "createRole",
    tag = "Roles",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent."),
    ),
    request_body = Input,
    responses(
        (
            status = 201,
            description = "The role.",
            body = RoleView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Change,
    ),
    security(("member" = [])),
)]
pub(super) async fn create(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    RepeatableInput { input, idempotency }: RepeatableInput<Input>,
) -> Result<impl IntoResponse, Error> {
    let Input { name, description, scopes } = input;
    let new = NewRole { name, description, scopes: scopes.into_iter().collect() };
    let created = issuer.registry().create_role(&caller.actor, organization, new, idempotency.as_ref()).await?;
    Ok((StatusCode::CREATED, ETag(created.revision), Json(RoleView::from(created))))
}
