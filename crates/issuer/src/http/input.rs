//! Requests with a JSON body.

mod unique;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use doorkey_core::{ErrorCode, sha256};
use http::request::Parts;
use http::{HeaderName, Method};
use serde::de::DeserializeOwned;

use self::unique::{DUPLICATE, Unique};
use super::body;
use super::wrong::wrong_member;
use crate::error::Error;
use crate::idempotency::Idempotency;

/// Most bytes of a request's JSON.
const MAX_LEN: usize = 64 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Most characters of an `Idempotency-Key`.
const MAX_KEY_LEN: usize = 255;

/// The JSON body of a request. An `Input<Option<T>>` may be left out.
///
/// Refused are other media types and what is no JSON (`malformed_request`), an encoding (`unsupported_encoding`), more
/// than 64 KiB (`body_too_large`), a wait of over 8 seconds (`request_timeout`), and members that are wrong, missing or
/// unknown (`invalid_input`, with their paths).
#[derive(Debug)]
pub(super) struct Input<T>(pub(super) T);

/// An [`Input`] of a request that its sender may repeat: with an `Idempotency-Key` it takes effect once.
#[derive(Debug)]
pub(super) struct RepeatableInput<T> {
    pub(super) input: T,
    /// `None` without the header.
    pub(super) idempotency: Option<Idempotency>,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let bytes = body::read(&parts.headers, body, MAX_LEN).await?;
        parse(&parts, &bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for RepeatableInput<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let key = idempotency_key(&parts)?;
        let bytes = body::read(&parts.headers, body, MAX_LEN).await?;
        let input = parse(&parts, &bytes)?;
        let fingerprint = |key| Idempotency { key, fingerprint: fingerprint(&parts.method, parts.uri.path(), &bytes) };
        Ok(Self { input, idempotency: key.map(fingerprint) })
    }
}

/// The request's `Idempotency-Key`, if it has one.
fn idempotency_key(parts: &Parts) -> Result<Option<String>, Error> {
    let wrong = || Error::invalid("Idempotency-Key", "one value of 1 to 255 visible ASCII characters");
    let mut values = parts.headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong())?;
    let is_good = (1..=MAX_KEY_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if is_good && values.next().is_none() { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}

/// SHA-256 of the three, with line feeds between them, which neither a method nor a path can hold.
fn fingerprint(method: &Method, path: &str, body: &[u8]) -> [u8; 32] {
    sha256(&[method.as_str().as_bytes(), path.as_bytes(), body].join(&b'\n'))
}

/// Reads a body that has arrived.
pub(super) fn parse<T: DeserializeOwned>(parts: &Parts, bytes: &Bytes) -> Result<T, Error> {
    let malformed = |detail| Error::new(ErrorCode::MalformedRequest, detail);
    if bytes.is_empty() {
        return serde_json::from_value(serde_json::Value::Null).map_err(|_| malformed("a body of JSON is missing"));
    }
    if !body::media_type(&parts.headers).is_some_and(|known| known.eq_ignore_ascii_case("application/json")) {
        return Err(malformed("the body is sent as application/json"));
    }
    serde_json::from_slice::<Unique>(bytes).map_err(|error| {
        if error.is_data() && error.to_string().starts_with(DUPLICATE) {
            malformed("a member stands twice in an object of the body")
        } else {
            // The place alone: the parser's own text may hold some of the body.
            let place = format!("the body is no JSON (line {}, column {})", error.line(), error.column());
            Error::new(ErrorCode::MalformedRequest, place)
        }
    })?;
    // Serde takes a list for a struct.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Error::invalid(".", "expected an object"));
    }
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes)).map_err(|error| {
        let (path, message) = (error.path().clone(), error.into_inner().to_string());
        let end = message.rfind(" at line ").unwrap_or(message.len());
        wrong_member(&path, message.get(..end).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests;
