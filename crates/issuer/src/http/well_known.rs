//! `GET /.well-known/doorkey` and `GET /.well-known/jwks.json`: what a verifier and an SDK need to know of an issuer.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use doorkey_core::Origin;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use super::Shared;
use super::openapi::{refusals, schemas};

/// Both documents are public and the same for everybody.
const PUBLIC: [(http::HeaderName, &str); 2] =
    [(CACHE_CONTROL, "public, max-age=300"), (ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

/// The version of the protocol that this issuer speaks.
const PROTOCOL_VERSION: u8 = 1;

/// What a verifier and an SDK need to know of an issuer.
#[derive(serde::Serialize, utoipa::ToSchema)]
struct Metadata<'a> {
    /// The `iss` of every token.
    #[schema(value_type = schemas::Origin)]
    issuer: &'a Origin,
    /// Where the public keys are that tokens verify with.
    #[schema(format = "uri")]
    jwks_uri: String,
    /// Where sessions are minted; the `aud` of every mint.
    #[schema(format = "uri")]
    sessions_endpoint: String,
    /// The origins of the APIs that tokens are for.
    #[schema(value_type = Vec<schemas::Origin>)]
    audiences: &'a [Origin],
    /// The version of the protocol.
    protocol_version: u8,
    /// How long a token lives unless its key says otherwise, in seconds.
    #[schema(minimum = 1, maximum = 600)]
    token_lifetime: u64,
}

/// Describe the issuer
///
/// What a verifier and an SDK need to know of it: public, and the same for everybody.
#[utoipa::path(
    get,
    path = "/.well-known/doorkey",
    operation_id = "describeIssuer",
    tag = "Discovery",
    responses(
        (
            status = 200,
            description = "The issuer.",
            body = Metadata,
            headers(("Cache-Control" = String, description = "`public, max-age=300`.")),
        ),
        refusals::Any,
    ),
)]
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

/// List the issuer's public keys
///
/// A JWK Set (RFC 7517) of Ed25519 keys, by which session tokens verify. `kid` is the RFC 7638 thumbprint.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "listPublicKeys",
    tag = "Discovery",
    responses(
        (
            status = 200,
            description = "The keys.",
            body = schemas::JwkSet,
            content_type = "application/jwk-set+json",
            headers(("Cache-Control" = String, description = "`public, max-age=300`.")),
        ),
        refusals::Any,
    ),
)]
pub(super) async fn jwks(State(issuer): Shared) -> Response {
    (PUBLIC, [(CONTENT_TYPE, "application/jwk-set+json")], issuer.public_keys().to_json()).into_response()
}
