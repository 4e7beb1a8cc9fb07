//! The verifier's Rust half for JavaScript: the decision of `doorkey-verifier`, and what goes in and comes out as text.
//!
//! It is published as the npm package `@doorkey/verifier`; its README says how to use it. Everything here is synchronous:
//! time and randomness are arguments, fetching and reading are JavaScript's.

// In the order of use: a module knows only those above it.
mod options;
mod head;
mod report;
#[cfg(test)]
mod world;
mod following;
mod reporting;
mod link;
mod checker;
mod grant;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use checker::{Checker, Entered, Examination};
pub use following::{Asked, Need};
pub use grant::sign_grant;
pub use head::Head;
pub use link::Link;
pub use options::{Options, peer};
pub use report::{At, Report, moment, since_start};
pub use reporting::UsagePost;
