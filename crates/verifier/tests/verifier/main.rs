//! The verifier as an API owner meets it: shared vectors, the layer in a router, and the issuer's keys over real HTTP.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod keys;
mod layer;
mod signer;
mod vectors;
