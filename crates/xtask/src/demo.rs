//! The demo: issuer, sample API and page on three origins of this machine.

mod process;

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::shell::{cargo, command, root, step, target};
use crate::{page, tools};
use process::Process;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print one line of JSON when ready, and keep running.
    #[arg(long)]
    json: bool,
    /// The first of three consecutive ports: issuer, API, page.
    #[arg(long, default_value_t = 7700, value_parser = clap::value_parser!(u16).range(1..=65533))]
    port: u16,
}

/// The three origins.
struct Origins {
    issuer: String,
    api: String,
    page: String,
}

/// Builds all that the demo runs.
pub(crate) fn build() -> Result<()> {
    tools::ensure_npm_packages()?;
    page::build()?;
    // The whole workspace, as the tests build it: with fewer packages, shared dependencies would be compiled once more.
    step("build issuer and sample API", &mut cargo(&["build", "--quiet", "--workspace", "--bins", "--examples"]))
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody listens any more when the demo is about to end anyway.
        let _ = stop.send(());
    })?;
    build()?;
    let ports = [arguments.port, arguments.port + 1, arguments.port + 2];
    for port in ports {
        TcpListener::bind(("127.0.0.1", port))
            .with_context(|| format!("port {port} is in use: choose others with --port"))?;
    }
    let origin = |port: u16| format!("http://localhost:{port}");
    let origins = Origins { issuer: origin(ports[0]), api: origin(ports[1]), page: origin(ports[2]) };
    // Dropped last: the folder goes after the processes that use it.
    let data = tempfile::Builder::new().prefix("doorkey-demo-").tempdir()?;

    let (mut issuer, keys) = start_issuer(data.path(), &origins, ports[0])?;
    let short_lived = print(
        data.path(),
        &["keys", "create", "--publishable", "--test", "--name", "Two-second tokens", "--session-lifetime", "2"],
    )?;
    let leaked = print(data.path(), &["keys", "create", "--secret", "--test", "--name", "Leaked on purpose"])?;
    let mut api = start_api(data.path(), &origins, ports[1])?;
    let config = json!({
        "issuer": origins.issuer, "api": origins.api, "page": origins.page,
        "publishable_key": keys["publishable_key"], "short_lived_publishable_key": short_lived, "leaked_secret_key": leaked,
    });
    let mut page = start_page(&config, ports[2])?;

    if arguments.json {
        println!(
            "{}",
            json!({
                "issuer": origins.issuer, "api": origins.api, "page": origins.page,
                "publishable_key": keys["publishable_key"], "secret_key": keys["secret_key"], "data": data.path(),
            })
        );
    } else {
        println!("\n  Page    {}\n  API     {}\n  Issuer  {}\n", origins.page, origins.api, origins.issuer);
        println!(
            "  Data    {}  (gone when the demo stops)\n\n  Open the page. Ctrl-C stops all of it.",
            data.path().display()
        );
    }
    loop {
        match stopped.recv_timeout(Duration::from_millis(200)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => return Ok(()),
        }
        for process in [&mut issuer, &mut api, &mut page] {
            process.check()?;
        }
    }
}

/// Starts the issuer on an empty folder; yields the keys of its first start.
fn start_issuer(data: &Path, origins: &Origins, port: u16) -> Result<(Process, Value)> {
    let settings = format!(
        r#"audiences = ["{}"]

[[scopes]]
name = "pictures:read"
description = "List pictures and look at them"
browser = true

[[scopes]]
name = "pictures:write"
description = "Upload pictures"
browser = true
"#,
        origins.api
    );
    std::fs::write(data.join("doorkey.toml"), settings)?;
    let mut command = command(&doorkey(), &["serve", "--json", "--public-url", &origins.issuer]);
    command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--data").arg(data).env("DOORKEY_LOG", "warn");
    let (process, line) = Process::start("the issuer", &mut command)?;
    Ok((process, serde_json::from_str(&line).context("the issuer's first line is not JSON")?))
}

/// Starts the sample API with a verifier's credential of its own, so that it follows what is revoked.
fn start_api(data: &Path, origins: &Origins, port: u16) -> Result<Process> {
    let folder = data.join("api");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("credential"), print(data, &["verifiers", "add", "Sample API"])?)?;
    let program = target().join("debug/examples/pictures").display().to_string();
    let listen = format!("127.0.0.1:{port}");
    let mut command = command(&program, &[&origins.issuer, &origins.api, &listen]);
    let (process, _) = Process::start("the sample API", command.arg(folder))?;
    Ok(process)
}

fn start_page(config: &Value, port: u16) -> Result<Process> {
    // Node itself, without npm between: what is started here can be stopped here.
    let vite = root().join("node_modules/vite/bin/vite.js").display().to_string();
    let mut command = command("node", &[&vite, "preview", "--port", &port.to_string(), "--strictPort"]);
    command.current_dir(root().join("www")).env("DOORKEY_DEMO_CONFIG", config.to_string());
    let (process, _) = Process::start("the page", &mut command)?;
    Ok(process)
}

fn doorkey() -> String {
    target().join("debug/doorkey").display().to_string()
}

/// What a command of `doorkey` prints.
fn print(data: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = command(&doorkey(), arguments);
    let output = command.arg("--data").arg(data).stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        bail!("doorkey {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
