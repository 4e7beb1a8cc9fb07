//! Generated files: written by default, compared with `--check`.

use std::fs;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::shell::{cargo, command, root, step};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Fail if a file is not what would be written, and write nothing.
    #[arg(long)]
    check: bool,
}

/// Which example of which package prints the table of error codes for which file, each in the form that it needs.
const ERROR_CODES: [(&str, &str, &str); 3] = [
    ("doorkey-browser", "error_codes", "crates/browser/js/error-code.ts"),
    ("doorkey-edge", "refusal_codes", "crates/edge/js/error-code.ts"),
    ("doorkey-core", "error_page", "www/docs/error-codes.md"),
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.check { check() } else { write() }
}

fn error_codes(package: &str, example: &str) -> Result<Vec<u8>> {
    let arguments = ["run", "--quiet", "--package", package, "--example", example];
    let output = cargo(&arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("{package} could not print the error codes");
    }
    Ok(output.stdout)
}

fn write() -> Result<()> {
    for (package, example, file) in ERROR_CODES {
        fs::write(root().join(file), error_codes(package, example)?)?;
    }
    step("write the vectors", &mut command("node", &["tests/vectors/generate.mjs"]))
}

pub(crate) fn check() -> Result<()> {
    eprintln!("▸ check the generated error codes");
    for (package, example, file) in ERROR_CODES {
        if fs::read(root().join(file))? != error_codes(package, example)? {
            bail!("{file} is not what the table of codes yields: run cargo xtask codegen");
        }
    }
    step("check the vectors", &mut command("node", &["tests/vectors/generate.mjs", "--check"]))
}
