//! Measurements that hold within one run.

use anyhow::Result;

use crate::shell::{cargo, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// A whole check beside its one Ed25519 verification.
    Verify,
    /// A million keys in a verifier: memory, and the time to check a secret one.
    Keys,
    /// Show, list and mint among a million keys in ten thousand workspaces, on SQLite and on Postgres.
    Registry,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (package, bench) = match arguments.what {
        What::Verify => ("doorkey-verifier", "verify"),
        What::Keys => ("doorkey-verifier", "keys"),
        What::Registry => ("doorkey-issuer", "registry"),
    };
    let mut cargo = cargo(&["bench", "--quiet", "--package", package, "--bench", bench]);
    // The figures are data.
    step("measure", cargo.stdout(std::process::Stdio::inherit()))
}
