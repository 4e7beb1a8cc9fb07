//! The HTTP API, one file per endpoint.

mod envelope;
mod health;
mod sessions;
mod well_known;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use doorkey_core::{ErrorCode, MINT_PATH};
use doorkey_verifier::{Refusal, RequestId};

use crate::error::Error;
use crate::issuer::Issuer;

type Shared = State<Arc<Issuer>>;

impl Issuer {
    /// The issuer's HTTP API. Requests carry their peer's address as [`ConnectInfo`](axum::extract::ConnectInfo), as
    /// [`serve`](crate::serve) sees to; those that do not count as from one and the same address.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route(MINT_PATH, post(sessions::mint).options(sessions::preflight))
            .route("/.well-known/doorkey", get(well_known::issuer))
            .route("/.well-known/jwks.json", get(well_known::jwks))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn_with_state(Arc::clone(&self), envelope::wrap))
            .with_state(self)
    }
}

async fn not_found(State(issuer): Shared, Extension(id): Extension<RequestId>) -> Response {
    refuse(&issuer, &id, &Error::new(ErrorCode::NotFound, "there is nothing at this address"))
}

/// Axum adds `Allow`, which says what does exist here.
async fn wrong_method(State(issuer): Shared, Extension(id): Extension<RequestId>) -> Response {
    refuse(&issuer, &id, &Error::new(ErrorCode::MethodNotAllowed, "this address does not take this method"))
}

/// Answers with an error; its cause goes to the log.
fn refuse(issuer: &Issuer, id: &RequestId, error: &Error) -> Response {
    if let Some(cause) = std::error::Error::source(error) {
        tracing::error!(request_id = id.as_str(), cause, "{error}");
    }
    respond(issuer, id, &error.to_refusal())
}

/// Answers with a refusal, whose code the envelope logs.
fn respond(issuer: &Issuer, id: &RequestId, refusal: &Refusal) -> Response {
    let mut response: Response = refusal.to_response(id, issuer.clock());
    response.extensions_mut().insert(refusal.error().code());
    response
}
