#![doc = include_str!("../README.md")]

// In the order of use: a module knows only those above it.
mod error;
#[allow(dead_code, reason = "the endpoints that create keys read it")]
mod idempotency;
mod settings;
mod vault;

mod store;

mod signing;

mod registry;

mod limits;
mod mint;

mod issuer;

mod http;

/// Serves the router with bounded waits and connections.
pub use doorkey_verifier::serve;
pub use error::Error;
pub use http::openapi;
pub use issuer::Issuer;
pub use registry::{CreatedKey, DefaultKeys, NewKey, Registry};
pub use settings::{
    Catalogue, CatalogueScope, CustomLimit, CustomLimits, KeyDefaults, MintLimits, RateLimit, Settings, SettingsFile,
    SharedSettings,
};
pub use store::{Database, KeyRecord, Store};
pub use vault::Vault;
