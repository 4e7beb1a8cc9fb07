#![doc = include_str!("../README.md")]
// Without std a panic cannot bring `core::fmt` into the download.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

// In the order of use: a module knows only those above it.
mod instant;
mod address;
mod session;
mod retry;
mod client;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use client::{Client, OutgoingRequest, SignableRequest, SignableUrl};
pub use instant::Instant;
pub use retry::{Ending, is_repeatable};
pub use session::MintResponse;
