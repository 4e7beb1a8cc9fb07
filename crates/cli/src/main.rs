#![doc = include_str!("../README.md")]

// The composition root: the only place that reads the environment and prints.
mod data;
mod flags;
mod ids;
mod output;

mod config;
mod log;

mod registry;

mod audit;
mod backup;
mod keys;
mod members;
mod restore;
mod serve;
mod verifiers;

mod gate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Issues API keys and checks them.
#[derive(Parser)]
#[command(name = "doorkey", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Where things are")]
struct Global {
    /// The folder with the database and the master key; made when absent
    #[arg(long, value_name = "DIR", env = "DOORKEY_DATA", default_value = "./doorkey-data", global = true)]
    data: PathBuf,
    /// A Postgres database, `postgres://user@host/name` [default: a SQLite file in the data folder]
    // Taken as it is, and its value shown nowhere: clap would repeat a wrong one, password included.
    #[arg(long, value_name = "URL", env = "DOORKEY_DATABASE", hide_env_values = true, global = true)]
    database: Option<String>,
    /// The settings [default: doorkey.toml in the data folder, else in this one, if there is one]
    #[arg(long, value_name = "FILE", env = "DOORKEY_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// What to log to stderr: error, warn, info, debug or trace, also by module (info,sqlx=warn)
    #[arg(long, value_name = "FILTER", env = "DOORKEY_LOG", default_value = "info", global = true)]
    log: log::Filter,
    /// How to log: text or json [default: text at a terminal]
    #[arg(long, value_name = "FORMAT", env = "DOORKEY_LOG_FORMAT", global = true)]
    log_format: Option<log::Format>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the issuer
    Serve(serve::Arguments),
    /// Check requests in front of a service: for nginx, Caddy and Traefik, or as a proxy
    Gate(gate::Arguments),
    /// Create, list, update and revoke keys, while the issuer runs or not
    Keys(keys::Arguments),
    /// Add, list and revoke verifiers, which follow the keys, while the issuer runs or not
    Verifiers(verifiers::Arguments),
    /// Help members in
    Members(members::Arguments),
    /// Check that the audit is as it was written
    Audit(audit::Arguments),
    /// Copy the SQLite database, while the issuer runs or not
    Backup(backup::Arguments),
    /// Put a copy in place as the database of an empty data folder
    Restore(restore::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    log::begin(&global.log, global.log_format);
    let done = match command {
        Command::Serve(arguments) => serve::run(&global, arguments).await,
        Command::Gate(arguments) => gate::run(&global, arguments).await,
        Command::Keys(arguments) => keys::run(&global, arguments).await,
        Command::Verifiers(arguments) => verifiers::run(&global, arguments).await,
        Command::Members(arguments) => members::run(&global, arguments).await,
        Command::Audit(arguments) => audit::run(&global, arguments).await,
        Command::Backup(arguments) => backup::run(&global, &arguments).await,
        Command::Restore(arguments) => restore::run(&global, &arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::explain(&error);
            // As for what clap refuses.
            if error.is::<flags::Misuse>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
