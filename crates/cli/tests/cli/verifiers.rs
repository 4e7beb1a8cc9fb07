use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use doorkey_core::{Nonce, ProofKey, ProofRequest, RequestTarget, UnsignedProof, VerifierCredential};
use doorkey_servers::Postgres;
use doorkey_verifier::{Clock, SystemClock};
use serde_json::Value;

use crate::house::{House, Server};

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lines of an answer, as they come.
struct Lines(BufReader<TcpStream>);

impl Lines {
    fn open(server: &Server, credential: &VerifierCredential, target: &str, nonce: u64) -> (u16, Self) {
        let request = ProofRequest {
            method: "GET",
            authority: server.authority(),
            target: RequestTarget::parse(target).unwrap(),
            authorization: None,
            body: None,
        };
        let (key, nonce, now) = (ProofKey::Verifier(credential.id()), Nonce::new([7; 12], nonce), SystemClock.now());
        let proof = UnsignedProof::new(&request, key, nonce, now, 30).unwrap();
        let signature = UnsignedProof::signature(&credential.signing_key().sign(proof.base().as_bytes()));
        let mut stream = server.connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (host, input) = (server.authority(), proof.signature_input());
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        stream
            .write_all(format!("{head}signature-input: {input}\r\nsignature: {signature}\r\n\r\n").as_bytes())
            .unwrap();
        let mut lines = Self(BufReader::new(stream));
        let status = lines.line().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        while lines.line().unwrap() != "\r\n" {}
        (status, lines)
    }

    /// One line of whatever comes; `None` at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then_some(line)
    }

    /// The next line of JSON; what frames the pieces is passed over.
    fn json(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }

    /// The next line of a kind.
    fn find(&mut self, kind: &str) -> Value {
        loop {
            if let Some(found) = self.json().unwrap().get(kind) {
                return found.clone();
            }
        }
    }
}

fn add(house: &House, name: &str) -> VerifierCredential {
    let output = house.run(&["verifiers", "add", name]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let credential = VerifierCredential::parse(stdout.trim_end()).unwrap();
    assert_eq!(stdout.lines().count(), 1);
    assert!(stderr.contains(&credential.id().to_string()) && !stderr.contains("vk_"), "{stderr}");
    credential
}

#[test]
fn a_verifier_that_was_added_beside_the_issuer_follows_it() {
    follow(&House::new());
}

#[test]
fn a_verifier_that_was_added_beside_the_issuer_follows_it_on_postgres() {
    follow(&House::on(&Postgres::shared().create_database()));
}

fn follow(house: &House) {
    let server = house.serve();
    let credential = add(house, "Pictures API");
    assert_eq!(credential.issuer().as_str(), server.url());
    let (status, mut lines) = Lines::open(&server, &credential, "/v1/directory?follow=true", 0);
    assert_eq!((status, lines.find("begin")["since"].as_u64()), (200, Some(0)));
    lines.find("synced");
    // What the command line does is another process's change.
    let key = house.print(&["keys", "create", "--publishable", "--require-grant", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    assert_eq!((lines.find("key")["id"].clone(), &key["requires_grant"]), (key["id"].clone(), &true.into()));
    house.print(&["keys", "revoke", key["id"].as_str().unwrap()]);
    assert_eq!(lines.find("key")["revoked"], true);

    let listed: Vec<Value> = serde_json::from_str(&house.print(&["verifiers", "list", "--json"])).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"Pictures API".into(), &"active".into()));
    let table = house.print(&["verifiers", "list"]);
    assert!(table.starts_with("ID ") && table.contains(&credential.id().to_string()), "{table}");
    for _ in 0..2 {
        house.print(&["verifiers", "revoke", &credential.id().to_string()]);
    }
    while let Some(line) = lines.json() {
        assert!(line.get("synced").is_some(), "{line}");
    }
    let (status, mut lines) = Lines::open(&server, &credential, "/v1/directory", 1);
    assert_eq!((status, lines.json().unwrap()["code"].as_str()), (401, Some("key_revoked")));
    assert!(house.print(&["verifiers", "list"]).contains("revoked"));
    assert!(house.print(&["audit", "verify"]).contains(':'));
    assert!(!house.log().contains("vk_"));
}

#[test]
fn an_issuer_that_stops_does_not_wait_for_those_who_follow() {
    let house = House::new();
    let mut server = house.serve();
    let added: Value = serde_json::from_str(&house.print(&["verifiers", "add", "A", "--json"])).unwrap();
    let credential = VerifierCredential::parse(added["credential"].as_str().unwrap()).unwrap();
    assert_eq!(added["id"], credential.id().to_string());
    let (_, mut lines) = Lines::open(&server, &credential, "/v1/directory?follow=true", 0);
    lines.find("synced");
    server.terminate();
    while lines.json().is_some() {}
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    let log = house.log();
    let stopped = log.lines().rfind(|line| line.contains("\"message\":\"stopped\"")).unwrap();
    assert!(stopped.contains("\"finished\":true"), "{stopped}");
    // When it was last here was written down.
    let listed: Vec<Value> = serde_json::from_str(&house.print(&["verifiers", "list", "--json"])).unwrap();
    assert!(listed[0]["last_seen_at"].is_u64(), "{listed:?}");
}

#[test]
fn a_name_that_is_none_and_a_verifier_that_is_none_are_refused() {
    let house = House::new();
    drop(house.serve());
    let refusal = |arguments: &[&str]| {
        let output = house.run(arguments);
        assert!(output.stdout.is_empty());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = refusal(&["verifiers", "add", " "]);
    assert!(code == 1 && text.contains("[invalid_input]"), "{text}");
    let (code, text) = refusal(&["verifiers", "revoke", "ver_01h455vb4pex5vsknk084sn02q"]);
    assert!(code == 1 && text.contains("[not_found]"), "{text}");
    assert_eq!(refusal(&["verifiers", "revoke", "key_01h455vb4pex5vsknk084sn02q"]).0, 2);
    assert_eq!(refusal(&["verifiers", "add"]).0, 2);
    assert!(
        refusal(&["keys", "create", "--secret", "--require-grant"])
            .1
            .contains("requires_grant: a secret key signs grants")
    );
}
