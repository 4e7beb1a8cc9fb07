//! From a crate to the wasm and JavaScript of an npm package, and from there to its tarball.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::shell::{cargo, command, root, step, target};
use crate::tools;

/// Compiles a crate for JavaScript with a profile, and says where the wasm is.
pub(crate) fn compile(package: &str, profile: &str) -> Result<PathBuf> {
    tools::ensure_rust_target(tools::BROWSER_TARGET)?;
    let arguments = ["build", "--package", package, "--lib", "--target", tools::BROWSER_TARGET, "--profile", profile];
    // What is published must not tell where it was built. Cargo adds this to the flags of .cargo/config.toml.
    let home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo")).unwrap_or_default();
    let remap = [(home, "/cargo"), (root().display().to_string(), "/doorkey")]
        .map(|(from, to)| format!("\"--remap-path-prefix={from}={to}\""));
    let flags = format!("target.{}.rustflags=[{}]", tools::BROWSER_TARGET, remap.join(","));
    step(&format!("compile {package} to wasm"), cargo(&arguments).args(["--config", &flags]))?;
    Ok(target().join(tools::BROWSER_TARGET).join(profile).join(package.replace('-', "_") + ".wasm"))
}

/// Writes the wasm and the JavaScript that calls it into `folder`; the loader gets the module as an argument.
pub(crate) fn bind(wasm: &Path, folder: &Path) -> Result<()> {
    eprintln!("▸ bind {}", wasm.file_name().unwrap_or_default().display());
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        // Each package has a loader of its own, in the form that bundlers look for.
        .omit_default_module_path(true)
        .encode_into(EncodeInto::Always)
        .generate(folder)
}

/// Packs an npm package of the workspace as it would be published, into `tarball`.
pub(crate) fn pack(package: &str, tarball: &Path) -> Result<()> {
    let folder = tarball.parent().context("a tarball stands in a folder")?.join("packed");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let destination = folder.display().to_string();
    let arguments = ["pack", "--silent", "-w", package, "--pack-destination", &destination];
    step(&format!("pack {package}"), &mut command("npm", &arguments))?;
    let packed = fs::read_dir(&folder)?.next().context("npm pack wrote no tarball")??.path();
    fs::rename(packed, tarball)?;
    Ok(())
}
