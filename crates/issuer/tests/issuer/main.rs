//! The issuer on a real SQLite file and on a real Postgres, over its router: no server, a fixed clock, seeded chance.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[macro_use]
mod house;

mod audit;
mod backup;
mod contract;
mod directory;
mod grants;
mod guard;
mod invitations;
mod key_life;
mod keys;
mod mint;
mod outages;
mod people;
mod person;
mod public;
mod sign_ins;
mod store;
mod tenants;
mod usage;
mod verifiers;
