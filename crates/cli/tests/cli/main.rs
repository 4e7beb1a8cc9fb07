//! The `doorkey` binary as a process, in a temporary folder, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

mod backup;
mod durability;
mod keys;
mod lost;
mod postgres;
mod registry;
mod restrict;
mod serve;
mod verifiers;
