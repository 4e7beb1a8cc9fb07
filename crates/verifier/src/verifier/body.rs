//! Reading bodies: never more than the policy allows, never for longer than a client may take.

use std::time::Duration;

use bytes::{Buf, Bytes};
use doorkey_core::{Error, ErrorCode};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower_http::timeout::{TimeoutBody, TimeoutError};

/// How long a body may pause, and how long the whole of it may take.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// How much of a refused request's body is read away, and for how long: a browser that is still sending when the
/// connection closes never sees the refusal.
const DRAIN_LIMIT: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A body that can be read here.
pub trait Incoming: http_body::Body<Data: Buf + Send, Error: Into<tower::BoxError>> + Send + 'static {}

impl<B: http_body::Body<Data: Buf + Send, Error: Into<tower::BoxError>> + Send + 'static> Incoming for B {}

fn too_large() -> Error {
    Error::new(ErrorCode::BodyTooLarge, "the body is larger than this API takes")
}

/// Refuses a body that says itself that it is too large.
pub(super) fn check_announced(headers: &HeaderMap, limit: usize) -> Result<(), Error> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) { Err(too_large()) } else { Ok(()) }
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn read<B: Incoming>(body: B, limit: usize) -> Result<Bytes, Error> {
    let late = || Error::new(ErrorCode::RequestTimeout, "the body did not arrive in time");
    let paced = TimeoutBody::new(PAUSE_TIMEOUT, Limited::new(body, limit));
    let collected = tokio::time::timeout(READ_TIMEOUT, paced.collect()).await.map_err(|_| late())?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) if error.is::<TimeoutError>() => Err(late()),
        Err(_) => Err(Error::new(ErrorCode::MalformedRequest, "the body was cut off")),
    }
}

/// Reads away what a refused client is still sending, within bounds.
pub(super) async fn drain<B: Incoming>(body: B) {
    // Whether it ends, fails or takes too long is all the same here.
    drop(tokio::time::timeout(DRAIN_TIMEOUT, Limited::new(body, DRAIN_LIMIT).collect()).await);
}
