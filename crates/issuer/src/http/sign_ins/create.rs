//! `POST /v1/sign-ins`.

use axum::extract::State;
use axum::response::Response;
use utoipa::ToSchema;

use super::{SignedInView, came_in};
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Visitor;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::password::Password;
use crate::registry::Email;

/// Who wants to sign in.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    #[schema(value_type = schemas::Email)]
    email: Email,
    #[schema(value_type = schemas::Password)]
    password: Password,
}

/// Sign in
///
/// Whoever guesses waits, longer each time: 429 says for how long.
#[utoipa::path(
    post,
    path = "/v1/sign-ins",
    operation_id = "signIn",
    tag = "Sign-ins",
    request_body = Credentials,
    responses(
        (
            status = 201,
            description = "Who has signed in.",
            body = SignedInView,
            headers(("Set-Cookie" = String, description = "The sign-in.")),
        ),
        refusals::Submit,
    ),
)]
pub(super) async fn create(
    State(issuer): Shared,
    visitor: Visitor,
    Input(credentials): Input<Credentials>,
) -> Result<Response, Error> {
    let Credentials { email, password } = credentials;
    let now = issuer.registry().sign_in(&visitor.visit, &email, password).await?;
    Ok(came_in(&now, SignedInView::of(&now), &issuer))
}
