//! What stays open: event streams and `WebSocket`s.

use std::io::{Read, Write};
use std::time::Duration;

use doorkey_core::PublishableKey;
use doorkey_verifier::{Clock, SystemClock};

use crate::wire::{connect, read_until, request, send};
use crate::world::{World, got};

#[test]
fn events_arrive_one_by_one() {
    let world = World::proxying(&[]);
    let mut stream = connect(world.gate.address());
    stream.write_all(request("GET", &world.signed_url("/stream"), "", "").as_bytes()).unwrap();
    // The first is here before the second is sent.
    read_until(&mut stream, "data: first\n\n");
    world.service.next();
    read_until(&mut stream, "data: second\n\n");
}

#[test]
fn a_client_that_goes_away_ends_the_request_behind() {
    let world = World::proxying(&[]);
    for path in ["/stream", "/hang"] {
        let mut stream = connect(world.gate.address());
        stream.write_all(request("GET", path, &world.bearer(), "").as_bytes()).unwrap();
        if path == "/stream" {
            read_until(&mut stream, "data: first\n\n");
        }
        // The request has arrived once the service says so.
        while world.service.seen().is_empty() {}
        drop(stream);
        world.service.wait_for_hang_up(path);
    }
}

fn upgrade(target: &str, headers: &str) -> String {
    let handshake = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    format!(
        "GET {target} HTTP/1.1\r\nhost: api.localhost\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n{handshake}{headers}\r\n"
    )
}

#[test]
fn a_websocket_opens_once_and_ends_with_its_key_as_events_do() {
    let world = World::proxying(&[]);
    let (address, target) = (world.gate.address(), "/socket?room=1");
    let url = world.signed_url(target);
    let mut stream = connect(address);
    // What comes right behind the handshake is not lost.
    stream.write_all((upgrade(&url, "") + "early ").as_bytes()).unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("sec-websocket-accept: x"), "{answer}");
    stream.write_all(b"hello").unwrap();
    read_until(&mut stream, "early hello");
    let seen = &world.service.seen()[0];
    assert_eq!((&seen["target"], got(seen, "upgrade")), (&target.into(), vec!["websocket"]));
    assert_eq!(got(seen, "doorkey-key-kind"), ["publishable"]);

    let again = send(address, upgrade(&url, "").replace("keep-alive, Upgrade", "close, Upgrade"));
    assert_eq!(again.refusal(), (401, "replayed".to_owned()));
    let none = send(address, upgrade("/socket", "").replace("keep-alive, Upgrade", "close, Upgrade"));
    assert_eq!(none.refusal(), (401, "credential_missing".to_owned()));

    let mut events = connect(address);
    events.write_all(request("GET", &world.signed_url("/stream"), "", "").as_bytes()).unwrap();
    read_until(&mut events, "data: first\n\n");
    // By a secret key, too: with its own end.
    let mut other = connect(address);
    other.write_all(upgrade("/socket", &world.bearer()).as_bytes()).unwrap();
    read_until(&mut other, "\r\n\r\n");
    let key = world.issuer.ready["publishable_key"].as_str().unwrap();
    let id = PublishableKey::parse(key).unwrap().id().to_string();
    world.house.print(&["keys", "revoke", &id]);
    let since = SystemClock.monotonic();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let _ = events.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks whole");
    let took = SystemClock.monotonic().checked_sub(since).unwrap();
    assert!(took < Duration::from_secs(2), "{took:?}");
    other.write_all(b"still here").unwrap();
    read_until(&mut other, "still here");
}

#[test]
fn other_upgrades_are_not_made() {
    let world = World::proxying(&[]);
    let attempt = |protocol: &str| {
        let upgrade = upgrade("/socket", &world.bearer()).replace("WebSocket", protocol);
        send(world.gate.address(), upgrade.replace("keep-alive, Upgrade", "close, Upgrade"))
    };
    for protocol in ["h2c", "TLS/1.0", "websocket, h2c", "HTTP/2.0"] {
        assert_eq!(attempt(protocol).status, 200, "{protocol}");
        let seen = world.service.seen();
        assert_eq!((&seen[0]["upgrade"], got(&seen[0], "upgrade")), (&serde_json::Value::Null, vec![]));
    }
}
