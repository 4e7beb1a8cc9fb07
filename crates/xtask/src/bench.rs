//! Measurements that hold within one run.

use anyhow::Result;

use crate::shell::{cargo, command, step};
use crate::{demo, tools};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The first signed response of a page beside one that does it by hand, in Chromium, and what a warm call adds.
    Browser,
    /// A server under full load for ten minutes, with the verifier and without it.
    Load,
    /// A whole check beside its one Ed25519 verification.
    Verify,
    /// Three issuers and three verifiers: revocation, replays and a limit among them.
    Fleet,
    /// A million keys in a verifier: memory, and the time to check a secret one.
    Keys,
    /// Show, list and mint among a million keys in ten thousand workspaces, on SQLite and on Postgres.
    Registry,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let What::Browser = arguments.what {
        let chromium = tools::ensure_chromium()?;
        demo::build()?;
        let mut node = command("node", &["tests/browser/bench.mjs"]);
        return step("measure", node.env("CHROMIUM", chromium).stdout(std::process::Stdio::inherit()));
    }
    let (package, bench) = match arguments.what {
        What::Browser | What::Load => ("doorkey-verifier", "load"),
        What::Verify => ("doorkey-verifier", "verify"),
        What::Fleet => ("doorkey", "fleet"),
        What::Keys => ("doorkey-verifier", "keys"),
        What::Registry => ("doorkey-issuer", "registry"),
    };
    let mut cargo = cargo(&["bench", "--quiet", "--package", package, "--bench", bench]);
    if let What::Load = arguments.what {
        cargo.args(["--", "600"]);
    }
    // The figures are data.
    step("measure", cargo.stdout(std::process::Stdio::inherit()))
}
