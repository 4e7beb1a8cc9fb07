//! The issuer on a real SQLite file, over its router: no server, a fixed clock and seeded chance.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod house;

mod keys;
mod mint;
mod outages;
mod public;
mod store;
