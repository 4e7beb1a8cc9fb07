//! `POST /v1/sessions`: a publishable key and a browser's own key, traded for a session token.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Response};
use doorkey_core::{ErrorCode, KeyId, KeyKind, MAX_MINT_LEN, Origin, Scope, SecretKey, SessionId};
use doorkey_verifier::RequestId;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{Shared, refuse, respond};
use crate::error::Error;
use crate::issuer::{Issuer, MintRefusal, Minted};

/// How long the body may take; below the envelope's own limit, so that a slow caller hears that it was slow.
const BODY_TIMEOUT: Duration = Duration::from_secs(8);
const EXPOSED: &str = "Date, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";

#[derive(serde::Serialize)]
#[expect(clippy::struct_field_names, reason = "these are the names of the protocol")]
struct Session<'a> {
    token: &'a str,
    /// Unix seconds.
    expires_at: u64,
    /// Unix seconds with milliseconds.
    server_time: f64,
    session_id: SessionId,
    key_id: KeyId,
    scopes: Vec<&'a str>,
    audience: &'a [Origin],
}

pub(super) async fn mint(
    State(issuer): Shared,
    Extension(id): Extension<RequestId>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Without a server that says who calls, all callers are one.
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(ConnectInfo(peer))| peer.ip());
    let mut response = match answer(&issuer, address, &headers, body).await {
        Ok(minted) => created(&issuer, &minted),
        Err(MintRefusal::Refused(error)) => refuse(&issuer, &id, &error),
        Err(MintRefusal::Limited(refusal)) => respond(&issuer, &id, &refusal),
    };
    share(&headers, &mut response);
    response
}

/// For clients whose mint is no simple request; a browser with our SDK never asks.
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

async fn answer(issuer: &Issuer, address: IpAddr, headers: &HeaderMap, body: Body) -> Result<Minted, MintRefusal> {
    check_type(headers)?;
    check_credentials(issuer, headers).await?;
    check_length(headers)?;
    let body = read(body).await?;
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
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Error::new(ErrorCode::UnsupportedEncoding, "a mint is sent without a Content-Encoding"));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if ["text/plain", "application/jose"].iter().any(|known| essence.eq_ignore_ascii_case(known)) {
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

/// Refuses a body that says itself that it is too long, before any of it is read.
fn check_length(headers: &HeaderMap) -> Result<(), Error> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_MINT_LEN as u64) { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> Error {
    Error::new(ErrorCode::BodyTooLarge, "a mint has at most 8192 bytes")
}

/// Reads the body, however slowly it comes, within the cap on size and time.
async fn read(body: Body) -> Result<bytes::Bytes, Error> {
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_MINT_LEN).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(ErrorCode::MalformedRequest, "the body broke off")),
        Err(_) => Err(Error::new(ErrorCode::RequestTimeout, "the body took longer than 8 seconds")),
    }
}
