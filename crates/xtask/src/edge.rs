//! `@doorkey/verifier`: compile to wasm, bind, bundle, pack, measure.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::npm;
use crate::shell::{command, once, root, step, target};
use crate::tools;

fn package() -> PathBuf {
    root().join("crates/edge")
}

/// The packed package, as it would be published.
fn tarball() -> PathBuf {
    target().join("npm/doorkey-verifier.tgz")
}

/// Builds and packs the package, unless nothing has changed.
pub(crate) fn pack() -> Result<PathBuf> {
    tools::ensure_npm_packages()?;
    let wasm = compile()?;
    let inside = ["js", "scripts", "package.json", "tsconfig.json", "README.md"].map(|name| package().join(name));
    let scripts = ["examine.lua", "replay.lua"].map(|name| root().join("crates/verifier/src/redis").join(name));
    let outside = ["package-lock.json", "LICENSE-APACHE", "LICENSE-MIT"].map(|name| root().join(name));
    let inputs = [&[wasm.clone()][..], &inside, &scripts, &outside].concat();
    once("edge", &inputs, &[tarball(), package().join("dist/node/index.js")], || {
        let dist = package().join("dist");
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        npm::bind(&wasm, &dist)?;
        step(
            "bundle @doorkey/verifier",
            &mut command("npm", &["run", "--silent", "build", "-w", "@doorkey/verifier"]),
        )?;
        npm::pack("@doorkey/verifier", &tarball())
    })?;
    Ok(tarball())
}

/// Compiles the crate, for servers: fast before small.
pub(crate) fn compile() -> Result<PathBuf> {
    npm::compile("doorkey-edge", "wasm-server")
}

/// Prints what a server loads.
pub(crate) fn pack_and_measure() -> Result<()> {
    let tarball = pack()?;
    step("measure @doorkey/verifier", &mut command("node", &["crates/edge/scripts/sizes.mjs"]))?;
    println!("{}", tarball.display());
    Ok(())
}
