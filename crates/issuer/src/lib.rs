#![doc = include_str!("../README.md")]

// In the order of use: a module knows only those above it.
mod error;
mod idempotency;
mod settings;
mod vault;
mod password;

mod actor;
mod access;
mod audit;

mod store;

mod signing;

mod registry;

mod limits;
mod grant;
mod mint;

mod directory;

mod issuer;

mod http;

pub use access::{OrganizationRole, Permission, WorkspaceRole};
pub use actor::Actor;
pub use audit::{Action, AuditActor, AuditEvent, AuditFault, AuditHead, Target};
/// Serves the router with bounded waits and connections.
pub use doorkey_verifier::serve;
pub use error::Error;
pub use http::openapi;
pub use issuer::Issuer;
pub use registry::{
    CreatedKey, DefaultKeys, Email, Grace, KeyChanges, KeyPlace, Link, NewKey, Registry, ScopeChoice, UsageCounts,
    Wound, parse_network,
};
pub use settings::{
    Catalogue, CatalogueScope, CustomLimit, CustomLimits, KeyDefaults, MintLimits, RateLimit, Settings, SettingsFile,
    SharedSettings, TrustedProxies,
};
pub use store::{Database, KeyOwner, KeyRecord, KeyState, Restriction, Store, VerifierRecord};
pub use vault::Vault;
