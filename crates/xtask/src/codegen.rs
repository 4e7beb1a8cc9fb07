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

const ERROR_CODES: &str = "crates/browser/js/error-code.ts";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.check { check() } else { write() }
}

fn error_codes() -> Result<Vec<u8>> {
    let arguments = ["run", "--quiet", "--package", "doorkey-browser", "--example", "error_codes"];
    let output = cargo(&arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the error codes could not be printed");
    }
    Ok(output.stdout)
}

fn write() -> Result<()> {
    fs::write(root().join(ERROR_CODES), error_codes()?)?;
    step("write the vectors", &mut command("node", &["tests/vectors/generate.mjs"]))
}

pub(crate) fn check() -> Result<()> {
    eprintln!("▸ check the generated error codes");
    if fs::read(root().join(ERROR_CODES))? != error_codes()? {
        bail!("{ERROR_CODES} is not what the table of codes yields: run cargo xtask codegen");
    }
    step("check the vectors", &mut command("node", &["tests/vectors/generate.mjs", "--check"]))
}
