//! `POST /v1/me/password`.

use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::password::{NewPassword, Password};

/// The password that is, and the one that shall be.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    #[schema(value_type = schemas::Password)]
    current_password: Password,
    #[schema(value_type = schemas::NewPassword)]
    new_password: NewPassword,
}

/// Change your password
///
/// Ends all your sign-ins but this one.
#[utoipa::path(
    post,
    path = "/v1/me/password",
    operation_id = "changePassword",
    tag = "People",
    request_body = PasswordChange,
    responses((status = 204, description = "The new password counts."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn change(
    State(issuer): Shared,
    caller: Caller,
    Input(change): Input<PasswordChange>,
) -> Result<impl IntoResponse, Error> {
    issuer.registry().change_password(&caller.actor, change.current_password, change.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
