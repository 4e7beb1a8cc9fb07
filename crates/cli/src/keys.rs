//! `doorkey keys`: works on the database, next to a running issuer or without one.

mod create;
mod list;
mod revoke;

use clap::Subcommand;
use doorkey_core::KeyKind;
use doorkey_issuer::KeyRecord;
use doorkey_verifier::{Clock, SystemClock};

use crate::Global;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a key and print it; a secret key is shown this once
    Create(create::Arguments),
    /// List the keys
    List(list::Arguments),
    /// Revoke a key for good
    Revoke(revoke::Arguments),
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Create(arguments) => create::run(global, arguments).await,
        Command::List(arguments) => list::run(global, arguments).await,
        Command::Revoke(arguments) => revoke::run(global, &arguments).await,
    }
}

/// A key as data: what is known of it, and the key string as far as it may be shown.
#[derive(serde::Serialize)]
struct Shown<'a> {
    id: String,
    key: &'a str,
    kind: &'static str,
    environment: &'static str,
    name: Option<&'a str>,
    scopes: Vec<&'a str>,
    origins: Vec<&'a str>,
    session_lifetime: Option<u64>,
    requires_grant: bool,
    state: &'static str,
    workspace: Option<String>,
    created_at: u64,
    expires_at: Option<u64>,
    last_used_at: Option<u64>,
    revoked_at: Option<u64>,
    leaked_at: Option<u64>,
}

impl<'a> Shown<'a> {
    fn new(record: &'a KeyRecord, key: &'a str) -> Self {
        Self {
            id: record.id.to_string(),
            key,
            kind: match record.kind {
                KeyKind::Publishable => "publishable",
                KeyKind::Secret => "secret",
            },
            environment: record.environment.as_str(),
            name: record.name.as_deref(),
            scopes: record.scopes.iter().map(doorkey_core::Scope::as_str).collect(),
            origins: record.origins.iter().map(doorkey_core::OriginPattern::as_str).collect(),
            session_lifetime: record.session_lifetime,
            requires_grant: record.requires_grant,
            state: record.state(SystemClock.now()).as_str(),
            workspace: record.workspace.map(|workspace| workspace.to_string()),
            created_at: record.created_at,
            expires_at: record.expires_at,
            last_used_at: record.last_used_at,
            revoked_at: record.revoked_at,
            leaked_at: record.leaked_at,
        }
    }
}
