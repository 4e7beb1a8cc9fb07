//! `POST /v1/recovery`.

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

/// A new password for whoever has lost theirs.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Recovery {
    /// Of the link that the operator made.
    #[schema(value_type = schemas::LinkToken)]
    token: Token,
    #[schema(value_type = schemas::NewPassword)]
    password: NewPassword,
}

/// Recover your account
///
/// Ends all sign-ins but the one that begins here.
#[utoipa::path(
    post,
    path = "/v1/recovery",
    operation_id = "recover",
    tag = "People",
    request_body = Recovery,
    responses(
        (
            status = 201,
            description = "The person of the link, signed in.",
            body = SignedInView,
            headers(("Set-Cookie" = String, description = "The sign-in.")),
        ),
        refusals::Submit,
    ),
)]
pub(super) async fn recover(
    State(issuer): Shared,
    visitor: Visitor,
    Input(recovery): Input<Recovery>,
) -> Result<Response, Error> {
    let now = issuer.registry().recover(&visitor.visit, recovery.token.as_str(), recovery.password).await?;
    Ok(came_in(&now, SignedInView::of(&now), &issuer))
}
