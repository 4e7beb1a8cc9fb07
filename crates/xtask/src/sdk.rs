//! `@doorkey/browser`: compile to wasm, bind, bundle, pack, measure.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::npm;
use crate::shell::{command, once, root, step, target};
use crate::tools;

/// Wasm and JavaScript together after brotli, in bytes.
const BUDGET: u64 = 32 * 1024;

fn package() -> PathBuf {
    root().join("crates/browser")
}

/// The packed package, as it would be published.
pub(crate) fn tarball() -> PathBuf {
    target().join("npm/doorkey-browser.tgz")
}

/// Builds and packs the package, unless nothing has changed.
pub(crate) fn pack() -> Result<PathBuf> {
    tools::ensure_npm_packages()?;
    let wasm = compile()?;
    let inside = ["js", "scripts", "package.json", "tsconfig.json", "README.md"].map(|name| package().join(name));
    let outside = ["package-lock.json", "LICENSE-APACHE", "LICENSE-MIT"].map(|name| root().join(name));
    let inputs = [&[wasm.clone()][..], &inside, &outside].concat();
    once("sdk", &inputs, &[tarball(), package().join("dist/index.js")], || {
        let dist = package().join("dist");
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        npm::bind(&wasm, &dist)?;
        step("bundle @doorkey/browser", &mut command("npm", &["run", "--silent", "build", "-w", "@doorkey/browser"]))?;
        npm::pack("@doorkey/browser", &tarball())
    })?;
    Ok(tarball())
}

/// Compiles the crate for the browser.
pub(crate) fn compile() -> Result<PathBuf> {
    npm::compile("doorkey-browser", "wasm")
}

/// Prints what a page downloads, and fails past the budget.
pub(crate) fn pack_and_measure() -> Result<()> {
    let tarball = pack()?;
    let measured = command("node", &["crates/browser/scripts/sizes.mjs"]).stdout(Stdio::piped()).output()?;
    if !measured.status.success() {
        bail!("the sizes could not be measured: {}", String::from_utf8_lossy(&measured.stderr));
    }
    let files: serde_json::Value = serde_json::from_slice(&measured.stdout)?;
    let mut total = 0;
    println!("{:28} {:>9} {:>9} {:>9}", "file", "raw", "gzip", "brotli");
    for file in files.as_array().context("sizes.mjs prints an array")? {
        let size = |name: &str| file[name].as_u64().unwrap_or(u64::MAX);
        println!(
            "{:28} {:>9} {:>9} {:>9}",
            file["file"].as_str().unwrap_or_default(),
            size("raw"),
            size("gzip"),
            size("brotli")
        );
        total += size("brotli");
    }
    println!("{:28} {:>29}   budget {BUDGET}", "all, after brotli", total);
    println!("{}", tarball.display());
    if total > BUDGET {
        bail!("@doorkey/browser is {} bytes over its budget", total - BUDGET);
    }
    Ok(())
}
