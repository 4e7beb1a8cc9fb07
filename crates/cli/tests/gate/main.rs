//! `doorkey gate` with a real issuer, real nginx and Caddy in front of it, and a real service behind it. Requests are
//! written byte by byte: no client tidies them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the tests of the other commands use more of it")]
#[path = "../cli/house.rs"]
mod house;

mod wire;
mod world;

mod caddy;
mod command;
mod fronts;
mod nginx;
mod proxy;
mod streams;
