//! `POST /v1/sign-ins/confirm`.

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::password::Password;

/// The password, once more.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    #[schema(value_type = schemas::Password)]
    password: Password,
}

/// Confirm your password
///
/// For what takes that, within the next five minutes and with this sign-in alone.
#[utoipa::path(
    post,
    path = "/v1/sign-ins/confirm",
    operation_id = "confirmPassword",
    tag = "Sign-ins",
    request_body = Confirmation,
    responses((status = 204, description = "It is the password."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn confirm(
    State(issuer): Shared,
    caller: Caller,
    Input(confirmation): Input<Confirmation>,
) -> Result<impl IntoResponse, Error> {
    issuer.registry().confirm_password(&caller.actor, confirmation.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
