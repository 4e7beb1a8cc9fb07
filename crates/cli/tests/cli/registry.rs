//! The registry under `kill -9`, and what its operator does on the command line.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use doorkey_servers::Postgres;
use serde_json::{Value, json};

use crate::house::{House, Server};

const PASSWORD: &str = "correct horse battery";
const SCOPES: &str = "[keys]\nper_workspace = 10000\n\n[[scopes]]\nname = \"pictures:read\"\nbrowser = true\n";
/// How many at once, and what each of them asks for.
const WORKERS: usize = 25;
const ROUNDS: usize = 14;
/// What is acknowledged before the issuer is killed: a third.
const ENOUGH: usize = 330;

#[test]
fn kill_9_among_a_thousand_changes_leaves_nothing_half_done() {
    let house = House::new();
    std::fs::write(house.path("doorkey.toml"), SCOPES).unwrap();
    kill_among_changes(&house);
}

#[test]
fn kill_9_among_a_thousand_changes_on_postgres_leaves_nothing_half_done() {
    let database = Postgres::shared().create_database();
    let house = House::on(&database);
    std::fs::write(house.path("doorkey.toml"), SCOPES).unwrap();
    kill_among_changes(&house);
}

/// What the issuer said that it had done.
enum Done {
    Created(String),
    Rolled(String, String),
    Revoked(String),
}

fn kill_among_changes(house: &House) {
    let mut server = house.serve();
    let admin = Admin::set_up(&server);
    let (acknowledged, killed) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let workers = (0..WORKERS).map(|worker| {
            let (admin, acknowledged, killed) = (&admin, &acknowledged, &killed);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    if change(admin, &format!("{worker}-{round}"), acknowledged).is_none() {
                        assert!(killed.load(Ordering::SeqCst), "an answer is missing while the issuer lived");
                        return;
                    }
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        while acknowledged.lock().unwrap().len() < ENOUGH {
            assert!(!workers.iter().all(std::thread::ScopedJoinHandle::is_finished), "the workers have given up");
            std::thread::yield_now();
        }
        killed.store(true, Ordering::SeqCst);
        server.process.kill().unwrap();
    });
    server.process.wait().unwrap();

    let server = house.serve();
    assert_eq!(server.ready["setup_url"], Value::Null);
    let admin = Admin { address: server.ready["address"].as_str().unwrap().to_owned(), ..admin };
    let keys = admin.keys();
    for done in acknowledged.into_inner().unwrap() {
        match done {
            Done::Created(id) => assert!(keys.contains_key(&id), "{id} was created"),
            Done::Rolled(old, new) => assert_eq!(keys[&old]["rolled_to"], new),
            Done::Revoked(id) => assert_eq!(keys[&id]["state"], "revoked"),
        }
    }
    for key in keys.values() {
        for (there, back) in [("rolled_to", "rolled_from"), ("rolled_from", "rolled_to")] {
            if let Some(other) = key[there].as_str() {
                assert_eq!(keys[other][back], key["id"], "{key}");
            }
        }
    }
    // Each key has its one line in the audit, and no line is of a key that is not there.
    let events = admin.events();
    let made = events.iter().filter(|event| event["outcome"] == "done").filter_map(|event| {
        match event["action"].as_str()? {
            "key.create" => event["target"]["id"].as_str(),
            "key.roll" => event["detail"]["rolled_to"].as_str(),
            _ => None,
        }
    });
    let mut made: Vec<_> = made.collect();
    made.sort_unstable();
    let mut there: Vec<_> = keys.keys().map(String::as_str).collect();
    there.sort_unstable();
    assert_eq!(made, there);
    let verified: Value = serde_json::from_str(&house.print(&["audit", "verify", "--json"])).unwrap();
    assert_eq!(verified["sound"], true);
    assert!(verified["events"].as_u64().unwrap() >= events.len() as u64);
}

/// Creates two keys, rolls one and revokes the other; `None` once the issuer is gone.
fn change(admin: &Admin, name: &str, acknowledged: &Mutex<Vec<Done>>) -> Option<()> {
    let note = |done| acknowledged.lock().unwrap().push(done);
    let created = || {
        let input = json!({ "workspace": admin.workspace, "kind": "secret", "environment": "test", "name": name });
        let id = admin.post("/v1/keys", &input)?["id"].as_str().unwrap().to_owned();
        note(Done::Created(id.clone()));
        Some(id)
    };
    let (one, other) = (created()?, created()?);
    let rolled = admin.post(&format!("/v1/keys/{one}/roll"), &json!({ "grace": "7d" }))?;
    note(Done::Rolled(one, rolled["id"].as_str().unwrap().to_owned()));
    admin.post(&format!("/v1/keys/{other}/revoke"), &Value::Null)?;
    note(Done::Revoked(other));
    Some(())
}

/// The first admin, over the smallest HTTP.
struct Admin {
    address: String,
    cookie: String,
    organization: String,
    workspace: String,
}

impl Admin {
    fn set_up(server: &Server) -> Self {
        let address = server.ready["address"].as_str().unwrap().to_owned();
        let (_, token) = server.ready["setup_url"].as_str().unwrap().split_once("#token=").unwrap();
        let input = json!({ "token": token, "email": "ada@shop.example", "name": "Ada", "password": PASSWORD });
        let mut admin = Self { address, cookie: String::new(), organization: String::new(), workspace: String::new() };
        let (status, head, _) = admin.send("POST", "/v1/setup", &input).unwrap();
        assert_eq!(status, 201, "{head}");
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        admin.cookie = text(&json!(cookie.split(';').next()));
        admin.organization = text(&admin.get("/v1/me")["memberships"][0]["organization"]);
        let workspaces = admin.get(&format!("/v1/organizations/{}/workspaces", admin.organization));
        admin.workspace = text(&workspaces["data"][0]["id"]);
        let confirmed = admin.send("POST", "/v1/sign-ins/confirm", &json!({ "password": PASSWORD })).unwrap();
        assert_eq!(confirmed.0, 204);
        admin
    }

    fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.send("GET", path, &Value::Null).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// What was done; `None` when no whole answer came.
    fn post(&self, path: &str, input: &Value) -> Option<Value> {
        let (status, _, body) = self.send("POST", path, input)?;
        assert!((200..300).contains(&status), "{path} {status} {body}");
        serde_json::from_str(&body).ok()
    }

    fn keys(&self) -> HashMap<String, Value> {
        let (mut keys, mut cursor) = (HashMap::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/keys?workspace={}&limit=100{cursor}", self.workspace));
            for key in page["data"].as_array().unwrap() {
                keys.insert(key["id"].as_str().unwrap().to_owned(), key.clone());
            }
            let Some(next) = page["next_cursor"].as_str() else { return keys };
            cursor = format!("&cursor={next}");
        }
    }

    fn events(&self) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/audit-events?organization={}&limit=100{cursor}", self.organization));
            events.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return events };
            cursor = format!("&cursor={next}");
        }
    }

    /// Status, head and body; `None` when the connection ends before all of it.
    fn send(&self, method: &str, path: &str, input: &Value) -> Option<(u16, String, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let body = if input.is_null() { String::new() } else { input.to_string() };
        let (host, cookie, length) = (&self.address, &self.cookie, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        let (head, body) = response.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse() != Ok(body.len())) {
            return None;
        }
        Some((head.split(' ').nth(1)?.parse().ok()?, head.to_owned(), body.to_owned()))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn what_was_changed_behind_the_issuer_s_back_is_found() {
    let house = House::new();
    assert_eq!(house.serve().stop(), Some(0));
    let end = house.print(&["audit", "verify"]);
    let (events, _) = end.split_once(':').unwrap();
    assert_eq!(events, "3", "an organization and its pair of keys");
    house.print(&["keys", "create", "--secret"]);
    let later = house.print(&["audit", "verify", "--expect", &end]);
    assert_ne!(later, end);
    // An end of another past, and another master key.
    let forged = later.replacen("4:", "3:", 1);
    let output = house.run(&["audit", "verify", "--expect", &forged]);
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("not the event that was noted")
    );
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for arguments in [&["audit", "verify"][..], &["keys", "create", "--secret"], &["keys", "list"]] {
        let output = house.doorkey(arguments).env("DOORKEY_MASTER_KEY", key).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("master key"), "{arguments:?}");
    }
    assert_eq!(house.print(&["audit", "verify"]), later);
}

#[test]
fn settings_are_read_again_and_a_wrong_file_changes_nothing() {
    let house = House::new();
    std::fs::write(house.path("doorkey.toml"), SCOPES).unwrap();
    let server = house.serve();
    let admin = Admin::set_up(&server);
    let scopes = || admin.get("/v1/catalogue")["scopes"].as_array().unwrap().len();
    assert_eq!(scopes(), 1);
    let reload = |text: &str, said: &str| {
        std::fs::write(house.path("doorkey.toml"), text).unwrap();
        let (before, outcomes) = (house.log(), |log: &str| log.matches("\"settings ").count());
        let id = server.process.id().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        while outcomes(&house.log()) == outcomes(&before) {
            std::thread::yield_now();
        }
        assert!(house.log()[before.len()..].contains(said), "{}", &house.log()[before.len()..]);
    };
    reload(&format!("{SCOPES}[[scopes]]\nname = \"pictures:paint\"\n"), "settings reloaded");
    assert_eq!(scopes(), 2);
    reload(&format!("{SCOPES}[[scopes]]\nname = \"Paint\"\n"), "line 8, name: a scope");
    reload(&format!("brand = \"acme\"\n{SCOPES}"), "brand: keys name it");
    assert_eq!(scopes(), 2);
}

#[test]
fn somebody_who_forgot_the_password_gets_in_with_a_link() {
    let house = House::new();
    let server = house.serve();
    let admin = Admin::set_up(&server);
    let link = house.print(&["members", "recover", "Ada@shop.example"]);
    let (page, token) = link.split_once("#token=").unwrap();
    assert_eq!(page, format!("{}/recover", server.url()));
    let input = json!({ "token": token, "password": "another horse battery" });
    assert_eq!(admin.send("POST", "/v1/recovery", &input).unwrap().0, 201);
    assert_eq!(admin.send("POST", "/v1/recovery", &input).unwrap().0, 401);
    // Every sign-in of before has ended.
    assert_eq!(admin.send("GET", "/v1/me", &Value::Null).unwrap().0, 401);
    let unknown = house.run(&["members", "recover", "nobody@shop.example"]);
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
}
