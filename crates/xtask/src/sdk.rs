//! `@doorkey/browser`: compile to wasm, bind, bundle, pack, measure.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::shell::{cargo, command, once, root, step, target};
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
    tools::ensure_rust_target(tools::BROWSER_TARGET)?;
    tools::ensure_npm_packages()?;
    compile()?;
    let wasm = target().join("wasm32-unknown-unknown/wasm/doorkey_browser.wasm");
    let inside = ["js", "scripts", "package.json", "tsconfig.json", "README.md"].map(|name| package().join(name));
    let outside = ["package-lock.json", "LICENSE-APACHE", "LICENSE-MIT"].map(|name| root().join(name));
    let inputs = [&[wasm.clone()][..], &inside, &outside].concat();
    once("sdk", &inputs, &[tarball(), package().join("dist/index.js")], || {
        let dist = package().join("dist");
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        eprintln!("▸ bind the wasm module");
        Bindgen::new()
            .input_path(&wasm)
            .web(true)?
            .typescript(true)
            .remove_name_section(true)
            .remove_producers_section(true)
            // The loader has a URL of its own, in the form that bundlers look for.
            .omit_default_module_path(true)
            .encode_into(EncodeInto::Always)
            .generate(&dist)?;
        step("bundle @doorkey/browser", &mut command("npm", &["run", "--silent", "build", "-w", "@doorkey/browser"]))?;
        fs::create_dir_all(target().join("npm"))?;
        let destination = target().join("npm").display().to_string();
        step(
            "pack @doorkey/browser",
            &mut command("npm", &["pack", "--silent", "-w", "@doorkey/browser", "--pack-destination", &destination]),
        )?;
        let packed = fs::read_dir(target().join("npm"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("doorkey-browser-")))
            .context("npm pack wrote no tarball")?;
        fs::rename(packed, tarball())?;
        Ok(())
    })?;
    Ok(tarball())
}

/// Compiles the crate for the browser.
pub(crate) fn compile() -> Result<()> {
    let arguments =
        ["build", "--package", "doorkey-browser", "--lib", "--target", "wasm32-unknown-unknown", "--profile", "wasm"];
    // What is published must not tell where it was built. Cargo adds this to the flags of .cargo/config.toml.
    let home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo")).unwrap_or_default();
    let remap = [(home, "/cargo"), (root().display().to_string(), "/doorkey")]
        .map(|(from, to)| format!("\"--remap-path-prefix={from}={to}\""));
    let flags = format!("target.wasm32-unknown-unknown.rustflags=[{}]", remap.join(","));
    step("compile the browser SDK to wasm", cargo(&arguments).args(["--config", &flags]))
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
