//! A change that has begun is finished, whoever goes away meanwhile.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorkey_core::ErrorCode;

use crate::error::Error;

/// Answers in a task of its own. Otherwise hanging up at the right moment would keep a refused try out of the audit.
pub(super) async fn outlive(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::new(ErrorCode::IssuerUnavailable, "the issuer failed at this request").into_response(),
    }
}
