//! The whole suite, and the checks that come before it.

use std::time::Instant;

use anyhow::Result;

use crate::shell::{cargo, command, root, step, target};
use crate::{codegen, demo, edge, page, sdk, tools};

/// Everything that is tested, with real parts; what is missing is installed or named.
pub(crate) fn test() -> Result<()> {
    let start = Instant::now();
    let chromium = tools::ensure_chromium()?;
    let firefox = tools::ensure_firefox()?;
    tools::ensure_rust_target(tools::WASI_TARGET)?;
    tools::ensure_postgres()?;
    tools::ensure_nginx()?;
    tools::ensure_caddy()?;
    tools::ensure_redis()?;
    tools::ensure_npm_packages()?;
    codegen::check()?;
    step("test the Rust crates", &mut cargo(&["test", "--workspace"]))?;
    test_in_wasm("doorkey-core", &["--lib", "--tests"])?;
    test_in_wasm("doorkey-verifier", &["--no-default-features", "--lib", "--tests"])?;
    sdk::pack_and_measure()?;
    step("test @doorkey/browser", &mut command("npm", &["test", "--silent", "-w", "@doorkey/browser"]))?;
    edge::pack_and_measure()?;
    step(
        "test @doorkey/verifier",
        command("npm", &["test", "--silent", "-w", "@doorkey/verifier"])
            .env("CHROMIUM", &chromium)
            .env("DOORKEY_TARGET", target()),
    )?;
    page::build()?;
    step("check the page", &mut command("npm", &["run", "--silent", "check", "-w", "www"]))?;
    demo::build()?;
    step(
        "test the demo in Chromium",
        command("npm", &["test", "--silent", "-w", "tests/browser"]).env("CHROMIUM", &chromium),
    )?;
    step(
        "test the packed SDK in each bundler, in Chromium and Firefox",
        command("npm", &["test", "--silent", "-w", "tests/packaging"])
            .env("CHROMIUM", &chromium)
            .env("FIREFOX", &firefox)
            .env("DOORKEY_TARBALL", sdk::tarball())
            .env("DOORKEY_TARGET", target()),
    )?;
    step(
        "test every block of the docs",
        command("npm", &["test", "--silent", "-w", "tests/docs"])
            .env("CHROMIUM", &chromium)
            .env("DOORKEY_TARBALL", sdk::tarball())
            .env("DOORKEY_TARGET", target()),
    )?;
    eprintln!("✓ the whole suite, in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs a crate's tests once more, as wasm in Node: what a browser or an edge runtime decides must be the same.
fn test_in_wasm(package: &str, arguments: &[&str]) -> Result<()> {
    let mut cargo = cargo(&["test", "--package", package, "--target", tools::WASI_TARGET]);
    let runner = format!("node --no-warnings {}", root().join("tests/wasm/run.mjs").display());
    step(&format!("test {package} in wasm"), cargo.args(arguments).env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner))
}

/// Format, lints, docs and the wasm build, warnings being errors.
pub(crate) fn ci() -> Result<()> {
    tools::ensure_rust_target(tools::BROWSER_TARGET)?;
    step("check the format", &mut cargo(&["fmt", "--all", "--check"]))?;
    step(
        "lint",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"]),
    )?;
    step(
        "lint the verifier without a runtime",
        &mut cargo(&["clippy", "--package", "doorkey-verifier", "--no-default-features", "--", "--deny", "warnings"]),
    )?;
    // Each as it is built: with the others beside it, it would have their features.
    for package in ["doorkey-browser", "doorkey-curve", "doorkey-edge"] {
        let arguments = ["clippy", "--package", package, "--lib", "--target", tools::BROWSER_TARGET];
        step(&format!("lint {package} as wasm"), cargo(&arguments).args(["--", "--deny", "warnings"]))?;
    }
    step("build the docs", cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings"))?;
    sdk::compile()?;
    edge::compile()?;
    Ok(())
}
