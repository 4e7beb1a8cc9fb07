//! `@doorkey/browser`: compile to wasm, bind, bundle, pack, measure.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::npm;
use crate::shell::{command, once, root, step, target};
use crate::tools;

/// What the default entry needs, wasm and JavaScript together after brotli, in bytes.
const BUDGET: u64 = 28 * 1024;
/// What of it is there before the first mint leaves.
const FIRST_BUDGET: u64 = 4 * 1024;

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
    let modules = compile()?;
    let inside = ["js", "scripts", "package.json", "tsconfig.json", "tsconfig.vite.json", "README.md"]
        .map(|name| package().join(name));
    let outside = ["package-lock.json", "LICENSE-APACHE", "LICENSE-MIT"].map(|name| root().join(name));
    let inputs = [&modules[..], &inside, &outside].concat();
    once("sdk", &inputs, &[tarball(), package().join("dist/index.js")], || {
        let dist = package().join("dist");
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        for module in &modules {
            npm::bind(module, &dist.join("wasm"))?;
        }
        step("bundle @doorkey/browser", &mut command("npm", &["run", "--silent", "build", "-w", "@doorkey/browser"]))?;
        npm::pack("@doorkey/browser", &tarball())
    })?;
    Ok(tarball())
}

/// Compiles the crates of the package for the browser.
pub(crate) fn compile() -> Result<[PathBuf; 2]> {
    Ok([npm::compile("doorkey-browser", "wasm")?, npm::compile("doorkey-curve", "wasm")?])
}

/// Prints what a page downloads, and fails past the budget.
pub(crate) fn pack_and_measure() -> Result<()> {
    let tarball = pack()?;
    let measured = command("node", &["crates/browser/scripts/sizes.mjs"]).stdout(Stdio::piped()).output()?;
    if !measured.status.success() {
        bail!("the sizes could not be measured: {}", String::from_utf8_lossy(&measured.stderr));
    }
    let files: serde_json::Value = serde_json::from_slice(&measured.stdout)?;
    let (mut first, mut all) = (0, 0);
    println!("{:28} {:>9} {:>9} {:>9}  needed", "file", "raw", "gzip", "brotli");
    for file in files.as_array().context("sizes.mjs prints an array")? {
        let size = |name: &str| file[name].as_u64().unwrap_or(u64::MAX);
        let (name, when) = (file["file"].as_str().unwrap_or_default(), file["when"].as_str().unwrap_or_default());
        println!("{name:28} {:>9} {:>9} {:>9}  {when}", size("raw"), size("gzip"), size("brotli"));
        first += if when == "first" { size("brotli") } else { 0 };
        all += if when == "else" { 0 } else { size("brotli") };
    }
    println!("{:28} {first:>29}  budget {FIRST_BUDGET}", "before the first mint");
    println!("{:28} {all:>29}  budget {BUDGET}", "the default entry in all");
    println!("{}", tarball.display());
    if first > FIRST_BUDGET || all > BUDGET {
        bail!("@doorkey/browser is over its budget");
    }
    Ok(())
}
