//! `POST /v1/sessions`: a publishable key and a browser's own key, traded for a session token.

use std::net::IpAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use doorkey_core::{ErrorCode, KeyId, KeyKind, MAX_MINT_LEN, Origin, Scope, SecretKey, SessionId};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::caller::peer;
use super::openapi::{refusals, schemas};
use super::{Shared, body};
use crate::error::Error;
use crate::issuer::{Issuer, Minted};
use doorkey_verifier::client_address;

const EXPOSED: &str = "Date, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";

/// A session and its token.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_field_names, reason = "these are the names of the protocol")]
struct Session<'a> {
    /// A JWT that is bound to the browser's own key.
    token: &'a str,
    /// When the token ends, in Unix seconds.
    expires_at: u64,
    /// The issuer's clock in Unix seconds with milliseconds.
    server_time: f64,
    /// Names the session; the token's `jti`.
    #[schema(value_type = schemas::SessionId)]
    session_id: SessionId,
    /// The publishable key.
    #[schema(value_type = schemas::KeyId)]
    key_id: KeyId,
    /// What the session may do.
    #[schema(value_type = Vec<schemas::Scope>)]
    scopes: Vec<&'a str>,
    /// The origins of the APIs that the token is for.
    #[schema(value_type = Vec<schemas::Origin>)]
    audience: &'a [Origin],
}

/// Mint a session
///
/// Trades a publishable key and a browser's own key for a session token that is bound to it. Sent as `text/plain`
/// without further headers it needs no preflight. Renewal is another mint with the same key, ahead of expiry.
#[utoipa::path(
    post,
    path = "/v1/sessions",
    operation_id = "mintSession",
    tag = "Sessions",
    params(("Origin" = Option<schemas::Origin>, Header, description = "The page's origin, as the browser sets it.")),
    request_body(
        description = "One compact JWS (`typ` `doorkey-mint+jwt`), signed with the browser's own key.",
        content((schemas::Mint = "text/plain"), (schemas::Mint = "application/jose")),
    ),
    responses(
        (
            status = 201,
            description = "The session.",
            body = Session,
            headers(
                ("Access-Control-Allow-Origin" = String, description = "The page's origin."),
                ("Cache-Control" = String, description = "`no-store`."),
            ),
        ),
        refusals::Mint,
    ),
)]
pub(super) async fn mint(State(issuer): Shared, extensions: Extensions, headers: HeaderMap, body: Body) -> Response {
    let address = client_address(peer(&extensions), &headers, issuer.settings().trusted_proxies());
    let mut response = match answer(&issuer, address, &headers, body).await {
        Ok(minted) => created(&issuer, &minted),
        Err(error) => error.into_response(),
    };
    share(&headers, &mut response);
    response
}

/// Ask whether a page may mint
///
/// A CORS preflight, for clients whose mint is no simple request; a browser with the SDK never asks.
#[utoipa::path(
    options,
    path = "/v1/sessions",
    operation_id = "preflightSession",
    tag = "Sessions",
    responses(
        (
            status = 204,
            description = "What a page may send.",
            headers(
                ("Access-Control-Allow-Origin" = String, description = "The page's origin."),
                ("Access-Control-Allow-Methods" = String, description = "`POST`."),
                ("Access-Control-Allow-Headers" = String, description = "`content-type`."),
                ("Access-Control-Max-Age" = String, description = "Seconds."),
            ),
        ),
        refusals::Any,
    ),
)]
pub(super) async fn preflight(headers: HeaderMap) -> Response {
    let allowed = [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (ACCESS_CONTROL_MAX_AGE, "7200"),
    ];
    let mut response = (StatusCode::NO_CONTENT, allowed).into_response();
    share(&headers, &mut response);
    response
}

async fn answer(issuer: &Issuer, address: IpAddr, headers: &HeaderMap, body: Body) -> Result<Minted, Error> {
    check_type(headers)?;
    check_credentials(issuer, headers).await?;
    let body = body::read(headers, body, MAX_MINT_LEN).await?;
    let body =
        std::str::from_utf8(&body).map_err(|_| Error::new(ErrorCode::MalformedRequest, "the body is not UTF-8"))?;
    issuer.mint(body, only(headers, &ORIGIN).and_then(|origin| origin.parse().ok()).as_ref(), address).await
}

fn created(issuer: &Issuer, minted: &Minted) -> Response {
    let claims = &minted.claims;
    let session = Session {
        token: &minted.token,
        expires_at: claims.exp,
        // Whole milliseconds: what a browser's own clock has.
        server_time: (issuer.clock().since_epoch().as_secs_f64() * 1000.0).floor() / 1000.0,
        session_id: claims.jti,
        key_id: claims.client_id,
        scopes: claims.scope.iter().map(Scope::as_str).collect(),
        audience: &claims.aud,
    };
    (StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(session)).into_response()
}

/// Lets the page that asked read the answer.
///
/// A session reaches its page only because the key's list allows the origin. A refusal holds no secret, and a developer
/// must be able to read its code, so any page may read that, one without an origin (`null`, a local file) too.
fn share(request: &HeaderMap, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = only(request, &ORIGIN).filter(|text| *text == "null" || text.parse::<Origin>().is_ok()) else {
        return;
    };
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// The one value of a header; several are as good as none.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Error> {
    if !headers.contains_key(CONTENT_TYPE) {
        return Ok(());
    }
    let sent = body::media_type(headers).unwrap_or_default();
    if ["text/plain", "application/jose"].iter().any(|known| sent.eq_ignore_ascii_case(known)) {
        Ok(())
    } else {
        Err(Error::new(ErrorCode::MalformedRequest, "a mint is sent as text/plain"))
    }
}

/// A mint carries its key inside; what comes in `Authorization` besides is a mistake, and a secret key there has leaked.
async fn check_credentials(issuer: &Issuer, headers: &HeaderMap) -> Result<(), Error> {
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(()) };
    let credential = value.to_str().ok().and_then(|value| value.split_once(' ')).map_or("", |(_, value)| value);
    if KeyKind::of(credential) == Some(KeyKind::Secret) {
        return Err(issuer.refuse_secret_key(SecretKey::parse(credential).ok()).await);
    }
    Err(Error::new(ErrorCode::MultipleCredentials, "a mint carries its key in the body, and no Authorization"))
}
