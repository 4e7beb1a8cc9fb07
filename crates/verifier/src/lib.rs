#![doc = include_str!("../README.md")]
// With all features nothing may be unused; with fewer, what the others need stays where it belongs.
#![cfg_attr(not(feature = "gate"), allow(dead_code, unused_imports))]

// In the order of use: a module knows only those above it.
mod ambient;
mod refusal;
mod cross_origin;
mod network;
mod proxies;
mod address;
mod limit;
mod policy;
mod directory;
mod replay;
mod tokens;
mod key_ring;
mod secret_keys;
mod request;
mod signed;
mod credential;
mod decision;
mod principal;
mod waits;
mod issuer_signer;
mod usage;
#[cfg(feature = "server")]
mod folder;
#[cfg(feature = "server")]
mod http_client;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod redis;
mod limits;
#[cfg(feature = "server")]
mod issuer_client;
#[cfg(feature = "server")]
mod metrics;
#[cfg(feature = "server")]
mod verifier;
#[cfg(feature = "server")]
mod layer;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "axum")]
mod serve;
#[cfg(feature = "gate")]
mod principal_headers;
#[cfg(feature = "gate")]
mod access_log;
#[cfg(feature = "gate")]
mod forward_auth;
#[cfg(feature = "gate")]
mod proxy;

pub use address::client_address;
#[cfg(feature = "server")]
pub use ambient::SystemEntropy;
pub use ambient::{Clock, Entropy, Moment, SystemClock, random};
pub use credential::bare_target;
pub use cross_origin::{EXPOSED_HEADERS, PREFLIGHT_MAX_AGE};
pub use decision::{Accepted, Decision, Examined, Marked, Rejection};
pub use directory::{
    Applied, Directory, DirectoryAnswer, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySettings,
    DirectorySynced, DirectoryTenant, Misread, Position, PublicKey,
};
pub use doorkey_core::{Error, ErrorCode, VerifierCredential};
#[cfg(feature = "axum")]
pub use extract::{RequireScope, RequireScopeService};
#[cfg(feature = "gate")]
pub use forward_auth::ForwardAuth;
#[cfg(feature = "server")]
pub use issuer_client::{IssuerClient, IssuerLink};
pub use issuer_signer::{IssuerSigner, MAX_PROBLEM_LEN};
pub use key_ring::{JWKS_PATH, KeyRing, MAX_JWKS_LEN};
#[cfg(feature = "server")]
pub use keys::KeySource;
#[cfg(feature = "server")]
pub use layer::{PeerAddress, VerifierLayer, VerifierService};
pub use limit::{RateLimit, Restriction};
#[cfg(feature = "server")]
pub use limits::Outage;
pub use limits::{Charged, Kept, Limits};
pub use network::{canonical_network, network};
pub use policy::Policy;
pub use principal::Principal;
pub use proxies::TrustedProxies;
#[cfg(feature = "gate")]
pub use proxy::ReverseProxy;
#[cfg(feature = "server")]
pub use redis::{Redis, SharedReplay};
pub use refusal::{REQUEST_ID, ReachedLimit, Refusal, RequestId};
pub use replay::{ReplayKey, ReplayMemory, Unmarked};
pub use request::RequestHead;
pub use secret_keys::SecretKeyCache;
#[cfg(feature = "axum")]
pub use serve::serve;
pub use signed::{BodyRule, ProofTerms, SignatureFields, SignedRequest, UsedProof};
pub use tokens::TokenCache;
pub use usage::{Counts, Outcome, ReportAnswer, Spool, USAGE_PATH, UsageCount, UsageReport};
#[cfg(feature = "server")]
pub use verifier::Verifier;
pub use waits::Waits;

/// The project's README, so that its example compiles.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../../../README.md")]
mod readme {}

// The Rust of the docs.
#[cfg(doctest)]
#[doc = include_str!("../../../www/docs/verify-rust.md")]
mod docs {}
