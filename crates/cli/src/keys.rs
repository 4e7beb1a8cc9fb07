//! `doorkey keys`: works on the database, next to a running issuer or without one.

mod create;
mod list;
mod revoke;
mod terms;
mod update;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use doorkey_core::KeyKind;
use doorkey_issuer::{KeyRecord, RateLimit, Restriction};
use doorkey_verifier::{Clock, SystemClock};
use ipnet::IpNet;

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
    /// Change what a key may do and what holds it back
    Update(update::Arguments),
    /// Show what a key was used for this month, and what restrictions in shadow would have refused
    Usage(usage::Arguments),
    /// Revoke a key for good
    Revoke(revoke::Arguments),
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Create(arguments) => create::run(global, arguments).await,
        Command::List(arguments) => list::run(global, arguments).await,
        Command::Update(arguments) => update::run(global, arguments).await,
        Command::Usage(arguments) => usage::run(global, &arguments).await,
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
    description: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
    scopes: Vec<&'a str>,
    origins: Vec<&'a str>,
    cidrs: &'a [IpNet],
    rate_limit: Option<RateLimit>,
    monthly_quota: Option<u64>,
    limits: &'a BTreeMap<String, u64>,
    shadow: &'a BTreeSet<Restriction>,
    session_lifetime: Option<u64>,
    requires_grant: bool,
    protected: bool,
    state: &'static str,
    organization: String,
    workspace: Option<String>,
    workspaces: Option<Vec<String>>,
    created_at: u64,
    expires_at: Option<u64>,
    rotation_due_at: Option<u64>,
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
            description: record.description.as_deref(),
            metadata: &record.metadata,
            scopes: record.scopes.iter().map(doorkey_core::Scope::as_str).collect(),
            origins: record.origins.iter().map(doorkey_core::OriginPattern::as_str).collect(),
            cidrs: &record.cidrs,
            rate_limit: record.rate_limit,
            monthly_quota: record.monthly_quota,
            limits: &record.limits,
            shadow: &record.shadow,
            session_lifetime: record.session_lifetime,
            requires_grant: record.requires_grant,
            protected: record.protected_at.is_some(),
            state: record.state(SystemClock.now()).as_str(),
            organization: record.organization.to_string(),
            workspace: record.workspace.map(|workspace| workspace.to_string()),
            workspaces: record.workspaces.as_ref().map(|all| all.iter().map(ToString::to_string).collect()),
            created_at: record.created_at,
            expires_at: record.expires_at,
            rotation_due_at: record.rotation_due_at,
            last_used_at: record.last_used_at,
            revoked_at: record.revoked_at,
            leaked_at: record.leaked_at,
        }
    }
}
