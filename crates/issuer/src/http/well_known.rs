//! `GET /.well-known/doorkey` and `GET /.well-known/jwks.json`: what a verifier and an SDK need to know of an issuer.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use doorkey_core::Origin;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use super::Shared;

/// Both documents are public and the same for everybody.
const PUBLIC: [(http::HeaderName, &str); 2] =
    [(CACHE_CONTROL, "public, max-age=300"), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

/// The version of the protocol that this issuer speaks.
const PROTOCOL_VERSION: u8 = 1;

#[derive(serde::Serialize)]
struct Metadata<'a> {
    issuer: &'a Origin,
    jwks_uri: String,
    sessions_endpoint: String,
    audiences: &'a [Origin],
    protocol_version: u8,
    /// Seconds.
    token_lifetime: u64,
}

pub(super) async fn issuer(State(issuer): Shared) -> Response {
    let settings = issuer.settings();
    let metadata = Metadata {
        issuer: settings.public_url(),
        jwks_uri: format!("{}/.well-known/jwks.json", settings.public_url()),
        sessions_endpoint: settings.mint_url(),
        audiences: settings.audiences(),
        protocol_version: PROTOCOL_VERSION,
        token_lifetime: settings.token_lifetime(),
    };
    (PUBLIC, Json(metadata)).into_response()
}

pub(super) async fn jwks(State(issuer): Shared) -> Response {
    (PUBLIC, [(CONTENT_TYPE, "application/jwk-set+json")], issuer.public_keys().to_json()).into_response()
}
