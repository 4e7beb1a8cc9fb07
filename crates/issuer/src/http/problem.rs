//! How an error becomes a response: bare where it arises, written out by the envelope, which knows id and clock.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use doorkey_core::ErrorCode;
use doorkey_verifier::RequestId;
use http::StatusCode;
use http::header::CONTENT_LENGTH;

use crate::error::Error;
use crate::issuer::Issuer;

impl IntoResponse for Error {
    /// Yields the status alone, with the error in the extensions; the issuer's router writes the rest.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes out the error that a response carries, if it carries one, and yields its code. Its cause goes to the log.
///
/// Headers that were set on the bare response stay, as for CORS and `Allow`.
pub(super) fn write(issuer: &Issuer, id: &RequestId, response: &mut Response) -> Option<ErrorCode> {
    let error = response.extensions_mut().remove::<Arc<Error>>()?;
    if let Some(cause) = std::error::Error::source(&*error) {
        tracing::error!(request_id = id.as_str(), cause, "{error}");
    }
    let written: Response = error.to_refusal().to_response(id, issuer.clock());
    let (parts, body) = written.into_parts();
    *response.status_mut() = parts.status;
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    for (name, value) in &parts.headers {
        headers.insert(name, value.clone());
    }
    Some(error.code())
}
