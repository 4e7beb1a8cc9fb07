#![doc = include_str!("../README.md")]

// In the order of use: a module knows only those above it.
mod error;
mod settings;
mod vault;
mod password;
mod network;
mod idempotency;

mod actor;
mod access;
mod audit;

mod store;

mod signing;

mod registry;

mod limits;
mod mint;

mod issuer;

mod http;

pub use access::{OrganizationRole, Permission, WorkspaceRole};
pub use actor::Actor;
pub use audit::{Action, AuditActor, AuditEvent, AuditFault, AuditHead, Target};
/// Serves the router with bounded waits and connections.
pub use doorkey_verifier::serve;
pub use error::Error;
pub use issuer::Issuer;
pub use registry::{CreatedKey, DefaultKeys, Email, KeyPlace, Link, NewKey, Registry, ScopeChoice};
pub use settings::{Catalogue, CatalogueScope, MintLimits, Settings, SettingsFile};
pub use store::{Database, KeyOwner, KeyRecord, KeyState, RateLimit, Restriction, Store};
pub use vault::Vault;
