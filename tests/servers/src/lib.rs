//! Real servers for tests: made from the machine's own packages, in temporary folders, and gone with the test process,
//! however that ends. What is missing is an error that names the command that installs it.

#![expect(clippy::expect_used, reason = "a test that has no server has failed")]

mod caddy;
mod front;
mod nginx;
mod postgres;
mod redis;

pub use caddy::Caddy;
pub use nginx::Nginx;
pub use postgres::{Postgres, PostgresDatabase};
pub use redis::Redis;
