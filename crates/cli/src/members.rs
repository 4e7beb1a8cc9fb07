//! `doorkey members`: what an operator does for people.

mod recover;

use clap::Subcommand;

use crate::Global;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a link with which somebody who forgot the password sets a new one
    Recover(recover::Arguments),
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Recover(arguments) => recover::run(global, arguments).await,
    }
}
