//! `doorkey verifiers`: who may follow the directory. Works on the database, next to a running issuer or without one.

mod add;
mod list;
mod revoke;

use clap::Subcommand;
use doorkey_issuer::VerifierRecord;

use crate::Global;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add a verifier and print its credential, this once
    Add(add::Arguments),
    /// List the verifiers
    List(list::Arguments),
    /// Revoke a verifier for good
    Revoke(revoke::Arguments),
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Add(arguments) => add::run(global, arguments).await,
        Command::List(arguments) => list::run(global, arguments).await,
        Command::Revoke(arguments) => revoke::run(global, &arguments).await,
    }
}

/// A verifier as data.
#[derive(serde::Serialize)]
struct Shown<'a> {
    id: String,
    name: &'a str,
    state: &'static str,
    created_at: u64,
    last_seen_at: Option<u64>,
    revoked_at: Option<u64>,
}

impl<'a> Shown<'a> {
    fn new(record: &'a VerifierRecord) -> Self {
        Self {
            id: record.id.to_string(),
            name: &record.name,
            state: if record.revoked_at.is_some() { "revoked" } else { "active" },
            created_at: record.created_at,
            last_seen_at: record.last_seen_at,
            revoked_at: record.revoked_at,
        }
    }
}
