//! `doorkey audit`: proves that the audit is as it was written.

mod verify;

use clap::Subcommand;

use crate::Global;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check every event against the one before it
    Verify(verify::Arguments),
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Verify(arguments) => verify::run(global, &arguments).await,
    }
}
