//! `POST /v1/setup`.

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Visitor;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::http::sign_ins::{SignedInView, came_in};
use crate::http::token::Token;
use crate::password::NewPassword;
use crate::registry::Email;

/// Who the first person is.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    /// Of the link that the issuer itself shows.
    #[schema(value_type = schemas::LinkToken)]
    token: Token,
    #[schema(value_type = schemas::Email)]
    email: Email,
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(value_type = schemas::NewPassword)]
    password: NewPassword,
}

/// Become the first person
///
/// An operator, and an admin of the oldest organization. It happens once.
#[utoipa::path(
    post,
    path = "/v1/setup",
    operation_id = "setUp",
    tag = "People",
    request_body = Setup,
    responses(
        (
            status = 201,
            description = "The first person, signed in.",
            body = SignedInView,
            headers(("Set-Cookie" = String, description = "The sign-in.")),
        ),
        refusals::Submit,
    ),
)]
pub(super) async fn set_up(
    State(issuer): Shared,
    visitor: Visitor,
    Input(setup): Input<Setup>,
) -> Result<Response, Error> {
    let Setup { token, email, name, password } = setup;
    let now = issuer.registry().set_up(&visitor.visit, token.as_str(), &email, &name, password).await?;
    Ok(came_in(&now, SignedInView::of(&now), &issuer))
}
