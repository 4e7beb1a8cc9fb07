//! `POST /v1/sign-ins/sign-out`.

use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::ErrorCode;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::{Caller, Visitor};
use crate::http::cookie::SignInCookie;
use crate::http::openapi::refusals;
use crate::issuer::Issuer;

/// Sign out
///
/// Takes the cookie back, also where the sign-in has ended already or there was none.
#[utoipa::path(
    post,
    path = "/v1/sign-ins/sign-out",
    operation_id = "signOut",
    tag = "Sign-ins",
    responses(
        (
            status = 204,
            description = "Nobody is signed in.",
            headers(("Set-Cookie" = String, description = "Clears the cookie.")),
        ),
        refusals::Submit,
    ),
)]
pub(super) async fn sign_out(
    State(issuer): Shared,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Error> {
    end(visitor, &headers, &issuer).await?;
    let cookie = SignInCookie::at(issuer.settings().public_url()).clear();
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

/// Ends the sign-in, if it has not ended before. A cookie is not taken back as long as it is worth something.
async fn end(visitor: Visitor, headers: &HeaderMap, issuer: &Issuer) -> Result<(), Error> {
    let done = match Caller::find(headers, visitor.visit.request, issuer).await {
        Ok(Some(caller)) => issuer.registry().sign_out(&caller.actor).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match done {
        Err(error) if !matches!(error.code(), ErrorCode::SignInRefused | ErrorCode::NotFound) => Err(error),
        _ => Ok(()),
    }
}
