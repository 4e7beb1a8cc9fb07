#![doc = include_str!("../README.md")]
// Without std a panic cannot bring `core::fmt` into the download.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

// In the order of use: a module knows only those above it.
mod instant;
mod session;
mod key_pair;
mod address;
mod client;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use client::{Client, OutgoingRequest, SignableRequest};
pub use instant::Instant;
pub use key_pair::KeyPair;
pub use session::MintResponse;
