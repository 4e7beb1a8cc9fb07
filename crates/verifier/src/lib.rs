#![doc = include_str!("../README.md")]

// In the order of use: a module knows only those above it.
mod ambient;
mod refusal;

#[cfg(feature = "server")]
pub use ambient::SystemEntropy;
pub use ambient::{Clock, Entropy, SystemClock, random};
pub use refusal::{REQUEST_ID, Refusal, RequestId};
