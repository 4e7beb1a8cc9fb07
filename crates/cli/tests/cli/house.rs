//! A folder to run `doorkey` in, a running issuer that stops with its test, and the smallest HTTP client.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use doorkey_core::{MintClaims, SigningKey, assemble_mint};
use doorkey_servers::PostgresDatabase;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PAGE: &str = "http://localhost:3000";

/// A current folder of its own, with a catalogue in `doorkey.toml`.
pub(crate) struct House {
    folder: TempDir,
    database: Option<String>,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let scopes = "[[scopes]]\nname = \"pictures:read\"\nbrowser = true\n\n[[scopes]]\nname = \"pictures:delete\"\n";
        std::fs::write(folder.path().join("doorkey.toml"), scopes).unwrap();
        Self { folder, database: None }
    }

    /// One whose registry is on Postgres.
    pub(crate) fn on(database: &PostgresDatabase) -> Self {
        Self { database: Some(database.url().to_owned()), ..Self::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in this folder that inherits no settings.
    pub(crate) fn doorkey(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorkey"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORKEY_")) {
            command.env_remove(name);
        }
        command.envs(self.database.as_ref().map(|url| ("DOORKEY_DATABASE", url)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.doorkey(arguments).output().unwrap()
    }

    /// What a successful command printed.
    #[track_caller]
    pub(crate) fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub(crate) fn serve(&self) -> Server {
        self.serve_with(self.doorkey(&["serve", "--json", "--listen", "127.0.0.1:0", "--log", "debug"]))
    }

    pub(crate) fn serve_with(&self, mut command: Command) -> Server {
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // From here on the process ends with its owner, also when it says something unexpected.
        let mut server = Server { process, ready: Value::Null };
        server.ready = serde_json::from_str(&line).unwrap_or_default();
        assert!(server.ready.is_object(), "no ready line: {line:?} {}", self.log());
        server
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

/// A running issuer; it is killed when its test ends, however it ends.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) ready: Value,
}

impl Server {
    pub(crate) fn url(&self) -> &str {
        self.ready["issuer"].as_str().unwrap()
    }

    pub(crate) fn authority(&self) -> &str {
        self.url().strip_prefix("http://").unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.ready["address"].as_str().unwrap()).unwrap()
    }

    /// Sends one request and reads status and JSON.
    pub(crate) fn send(&self, method: &str, path: &str, origin: &str, body: &str) -> (u16, Value) {
        let mut stream = self.connect();
        let length = body.len();
        let host = self.authority();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\n");
        let request = format!("{head}content-type: text/plain\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let status = response.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Mints as a page would.
    pub(crate) fn mint(&self, key: &str, origin: &str) -> (u16, Value) {
        self.send("POST", "/v1/sessions", origin, &self.mint_body(key))
    }

    pub(crate) fn mint_body(&self, key: &str) -> String {
        let signing_key = SigningKey::from_seed(&[7; 32]);
        let claims = MintClaims {
            publishable_key: key.to_owned(),
            aud: format!("{}/v1/sessions", self.url()),
            iat: 1,
            jti: "jti".into(),
            grant: None,
            challenge: None,
        };
        let input = claims.to_signing_input(&signing_key.verifying_key());
        let signature = signing_key.sign(input.as_bytes());
        assemble_mint(input, &signature)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Sends SIGTERM and waits for the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.terminate();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
