//! The verifier as an API owner meets it: shared vectors, the layer in a router, and the issuer's keys over real HTTP.
//! Without its features, the decision alone, which is also run as wasm.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "axum")]
mod clock;
#[cfg(feature = "axum")]
mod issuer;
#[cfg(feature = "axum")]
mod issuer_client;
#[cfg(feature = "axum")]
mod keys;
#[cfg(feature = "axum")]
mod layer;
#[cfg(feature = "axum")]
mod layer_with_directory;
mod changes;
mod directory;
#[cfg(feature = "gate")]
mod forward_auth;
mod known;
#[cfg(feature = "axum")]
mod redis;
mod replay;
#[cfg(feature = "gate")]
mod reverse_proxy;
mod secret_keys;
mod signer;
mod vectors;
