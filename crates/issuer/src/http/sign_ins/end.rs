//! `DELETE /v1/sign-ins/{sign_in}` and `POST /v1/sign-ins/end-others`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::SignInId;
use http::StatusCode;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;

/// End one of your sign-ins
///
/// At once, wherever it is in use.
#[utoipa::path(
    delete,
    path = "/v1/sign-ins/{sign_in}",
    operation_id = "endSignIn",
    tag = "Sign-ins",
    params(("sign_in" = schemas::SignInId, Path, description = "The sign-in.")),
    responses((status = 204, description = "It has ended."), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn end(
    State(issuer): Shared,
    caller: Caller,
    Path(sign_in): Path<SignInId>,
) -> Result<impl IntoResponse, Error> {
    issuer.registry().end_sign_in(&caller.actor, sign_in).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many have ended.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = EndedSignIns)]
pub(super) struct Ended {
    ended: u64,
}

/// End all your sign-ins but this one
#[utoipa::path(
    post,
    path = "/v1/sign-ins/end-others",
    operation_id = "endOtherSignIns",
    tag = "Sign-ins",
    responses((status = 200, description = "They have ended.", body = Ended), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn end_others(State(issuer): Shared, caller: Caller) -> Result<impl IntoResponse, Error> {
    let ended = issuer.registry().end_other_sign_ins(&caller.actor).await?;
    Ok(Json(Ended { ended }))
}
