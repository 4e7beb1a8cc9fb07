//! Bodies, read within bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use doorkey_core::ErrorCode;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::Error;

/// How long a body may take; below the envelope's own limit, so that a slow caller hears that it was slow.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Reads a body of at most so many bytes, however slowly it comes, within 8 seconds.
///
/// One that says itself that it is too long is refused before any of it is read, and so is one that is encoded.
pub(super) async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, Error> {
    let too_large = || Error::new(ErrorCode::BodyTooLarge, format!("the body has at most {most} bytes"));
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Error::new(ErrorCode::UnsupportedEncoding, "the body is sent without a Content-Encoding"));
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(TIMEOUT, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Error::new(ErrorCode::MalformedRequest, "the body broke off")),
        Err(_) => Err(Error::new(ErrorCode::RequestTimeout, "the body took longer than 8 seconds")),
    }
}

/// The media type of the body without its parameters; `None` if the header is missing or no text.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
}
