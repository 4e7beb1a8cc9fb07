//! The project's own commands. stdout is data, stderr is talk.

// In the order of use.
mod shell;
mod tools;
mod npm;
mod sdk;
mod peers;
mod edge;
mod page;
mod codegen;
mod demo;
mod bench;
mod suite;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Doorkey's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and run issuer, sample API and page on this machine, until Ctrl-C.
    Demo(demo::Arguments),
    /// Run the whole suite: Rust on SQLite and Postgres, npm packages in bundlers and browsers, and the demo in real Chromium.
    Test,
    /// Check format, lints, docs and the wasm build.
    Ci,
    /// Build and pack the npm packages, and print their sizes beside those of other SDKs; fails past the budget.
    Npm,
    /// Measure.
    Bench(bench::Arguments),
    /// Write the generated files, or check that they are true.
    Codegen(codegen::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test => suite::test(),
        Command::Ci => suite::ci(),
        Command::Npm => sdk::pack_and_measure().and_then(|()| peers::measure()).and_then(|()| edge::pack_and_measure()),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Codegen(arguments) => codegen::run(&arguments),
    }
}
