//! What every response has, whichever endpoint it is from: an id, an end, and a line in the log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorkey_core::ErrorCode;
use doorkey_verifier::{REQUEST_ID, RequestId};
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method};

use super::problem;
use crate::error::Error;
use crate::issuer::Issuer;

/// How long a request may take, its body included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Gives the request its id, bounds its time, writes out errors, a panic among them, and logs the outcome.
pub(super) async fn wrap(State(issuer): State<Arc<Issuer>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new(issuer.entropy());
    request.extensions_mut().insert(id.clone());
    let method = known(request.method());
    // What was asked for is the caller's text; the log gets our own name for it.
    let path = request.extensions().get::<MatchedPath>().cloned();
    let begun = issuer.clock().since_epoch();

    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match tokio::time::timeout(TIMEOUT, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!(request_id = id.as_str(), "a handler panicked");
            unavailable("the issuer failed at this request")
        }
        Err(_) => unavailable("the issuer took too long"),
    };
    let code = problem::write(&issuer, &id, &mut response).map(ErrorCode::as_str);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What may be kept says so itself.
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    let status = response.status().as_u16();
    let path = path.as_ref().map_or("unknown", MatchedPath::as_str);
    let took = issuer.clock().since_epoch().saturating_sub(begun);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if path.starts_with("/v1/") || status >= 400 {
        tracing::info!(request_id = id.as_str(), method, path, status, code, took_ms, "request");
    } else {
        // Probes and public documents, every few seconds.
        tracing::debug!(request_id = id.as_str(), method, path, status, code, took_ms, "request");
    }
    response
}

/// The method for the log; one that we do not know is the caller's text.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn unavailable(detail: &'static str) -> Response {
    Error::new(ErrorCode::IssuerUnavailable, detail).into_response()
}
