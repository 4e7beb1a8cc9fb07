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
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let bench = match arguments.what {
        What::Verify => "verify",
    };
    let mut cargo = cargo(&["bench", "--quiet", "--package", "doorkey-verifier", "--bench", bench]);
    // The figures are data.
    step("measure", cargo.stdout(std::process::Stdio::inherit()))
}
