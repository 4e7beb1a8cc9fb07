//! What the commands need on a machine that has only Rust and Node: installed where that can be done, else named.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::shell::{command, once, root, step};

/// What the browser's package is compiled for, and what tests are compiled for to run in Node.
pub(crate) const BROWSER_TARGET: &str = "wasm32-unknown-unknown";
pub(crate) const WASI_TARGET: &str = "wasm32-wasip1";
const NODE_MAJOR: u32 = 20;

/// Where Debian, and most other systems, put Chromium.
const CHROMIUM: [&str; 4] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/snap/bin/chromium"];

/// Where Debian puts Firefox; `firefox` may be a wrapper of another packager's that no driver can start.
const FIREFOX: [&str; 3] = ["/usr/bin/firefox-esr", "/usr/lib/firefox/firefox", "/usr/bin/firefox"];

/// Where Debian puts one folder for each major version of Postgres.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Where Debian puts the servers that stand in front of others.
const NGINX: &str = "/usr/sbin/nginx";
const CADDY: &str = "/usr/bin/caddy";

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A Rust target besides the machine's own.
pub(crate) fn ensure_rust_target(target: &str) -> Result<()> {
    let sysroot =
        output("rustc", &["--print", "sysroot"]).context("rustc is missing: install Rust from https://rustup.rs")?;
    if Path::new(&sysroot).join("lib/rustlib").join(target).is_dir() {
        return Ok(());
    }
    step(&format!("install the Rust target {target}"), &mut command("rustup", &["target", "add", target]))
        .with_context(|| format!("this needs a Rust target: rustup target add {target}"))
}

/// Node, and the packages of `package-lock.json`.
pub(crate) fn ensure_npm_packages() -> Result<()> {
    let version =
        output("node", &["--version"]).context("Node is missing: install Node 20 or newer from https://nodejs.org")?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE_MAJOR) {
        bail!("Node {version} is too old: install Node {NODE_MAJOR} or newer from https://nodejs.org");
    }
    let manifests: Vec<_> = [
        "package.json",
        "package-lock.json",
        "crates/browser/package.json",
        "crates/edge/package.json",
        "www/package.json",
        "tests/browser/package.json",
        "tests/packaging/package.json",
        "tests/react-18/package.json",
        "tests/docs/package.json",
    ]
    .iter()
    .map(|file| root().join(file))
    .collect();
    once("npm-packages", &manifests, &[root().join("node_modules")], || {
        step("install npm packages", &mut command("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
    })
}

/// A real Chromium; `CHROMIUM` in the environment names another one.
pub(crate) fn ensure_chromium() -> Result<String> {
    let find = || CHROMIUM.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned());
    if let Some(chromium) = env::var("CHROMIUM").ok().or_else(find) {
        return Ok(chromium);
    }
    install_debian_package("chromium")?;
    find().context("Chromium is missing: install it, or name it in the environment variable CHROMIUM")
}

/// A real Firefox; `FIREFOX` in the environment names another one.
pub(crate) fn ensure_firefox() -> Result<String> {
    let find = || FIREFOX.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned());
    if let Some(firefox) = env::var("FIREFOX").ok().or_else(find) {
        return Ok(firefox);
    }
    install_debian_package("firefox-esr")?;
    find().context("Firefox is missing: install it, or name it in the environment variable FIREFOX")
}

/// Postgres's programs, which tests start servers of their own with.
pub(crate) fn ensure_postgres() -> Result<()> {
    let is_there = || {
        let versions = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
        versions.map(|version| version.path().join("bin/initdb")).any(|program| program.exists())
    };
    if is_there() {
        return Ok(());
    }
    install_debian_package("postgresql")?;
    if !is_there() {
        bail!("Postgres is missing: there is no {POSTGRES}/VERSION/bin/initdb");
    }
    Ok(())
}

/// nginx, which tests start with configurations of their own.
pub(crate) fn ensure_nginx() -> Result<()> {
    ensure_program(NGINX, "nginx")
}

/// Caddy, likewise.
pub(crate) fn ensure_caddy() -> Result<()> {
    ensure_program(CADDY, "caddy")
}

fn ensure_program(program: &str, package: &str) -> Result<()> {
    if Path::new(program).exists() {
        return Ok(());
    }
    install_debian_package(package)?;
    if !Path::new(program).exists() {
        bail!("{package} is missing: there is no {program}");
    }
    Ok(())
}

/// Redis's programs, likewise.
pub(crate) fn ensure_redis() -> Result<()> {
    let is_there = || ["redis-server", "redis-cli"].iter().all(|program| output(program, &["--version"]).is_some());
    if is_there() {
        return Ok(());
    }
    install_debian_package("redis-server")?;
    if !is_there() {
        bail!("Redis is missing: there are no redis-server and redis-cli in the path");
    }
    Ok(())
}

fn install_debian_package(package: &str) -> Result<()> {
    let command_line = format!("apt-get update && apt-get install -y --no-install-recommends {package}");
    let is_debian = Path::new("/usr/bin/apt-get").exists();
    let is_root = fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    if !is_debian || !is_root {
        bail!("{package} is missing; on a Debian-like system: sudo sh -c '{command_line}'");
    }
    step(&format!("install {package}"), command("sh", &["-c", &command_line]).env("DEBIAN_FRONTEND", "noninteractive"))
}
