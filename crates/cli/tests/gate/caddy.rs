//! The configuration for Caddy that Doorkey comes with, but for addresses and names.

use std::io::Write;

use doorkey_servers::Caddy;

use crate::fronts::Front;
use crate::wire::{connect, read_until, request, send};
use crate::world::{World, echo, got};

const CONFIGURATION: &str = include_str!("../../gate/Caddyfile");

fn caddy(world: &World) -> Caddy {
    caddy_with(world, CONFIGURATION)
}

fn caddy_with(world: &World, configuration: &str) -> Caddy {
    Caddy::start(|address| {
        configuration
            .replace("127.0.0.1:7702", &world.gate.address().to_string())
            .replace("127.0.0.1:3000", &world.service.address.to_string())
            .replace(
                "http://api.example.com {",
                &format!("http://api.localhost:{} {{\n\tbind 127.0.0.1", address.port()),
            )
            .replace("api.example.com", "api.localhost")
    })
}

fn front<'a>(world: &'a World, caddy: &Caddy) -> Front<'a> {
    Front { world, address: caddy.address(), signed_body: "unchecked", silent_delete: "unchecked", bares_urls: false }
}

#[test]
fn caddy_lets_through_what_the_gate_accepts() {
    let world = World::asked(&[]);
    let caddy = caddy(&world);
    let front = front(&world, &caddy);
    front.takes_every_credential_once();
    front.hands_on_what_was_verified();
    front.lets_no_unsigned_body_through();
    front.says_the_audience_as_host();
    front.answers_pages();
}

#[test]
fn caddy_lets_nothing_else_through() {
    let world = World::asked(&[]);
    let caddy = caddy(&world);
    let front = front(&world, &caddy);
    front.believes_no_client();
    front.cannot_be_smuggled_past();
    front.refuses_what_has_two_readings();
}

#[test]
fn caddy_can_serve_an_api_that_needs_such_paths() {
    let world = World::asked(&["--allow-ambiguous-paths"]);
    let caddy = caddy(&world);
    front(&world, &caddy).hands_on_what_has_two_readings();
}

/// As in the manual, or like Traefik: without a word about bodies, so that what a client says of them comes through.
#[test]
fn a_client_does_not_say_what_the_front_does_not() {
    let world = World::asked(&[]);
    let is_of_bodies = |line: &&str| {
        ["-Content-Length", "-Transfer-Encoding", "-Protocol", "@chunked"].iter().any(|word| line.contains(word))
    };
    let plain: Vec<_> = CONFIGURATION.lines().filter(|line| !is_of_bodies(line)).collect();
    let caddy = caddy_with(&world, &plain.join("\n").replace("/auth?body=told", "/auth?"));
    let ask =
        |method: &str, headers: &str, body: &str| send(caddy.address(), request(method, "/pictures", headers, body));
    let pretence = "x-forwarded-content-length: 0\r\nx-forwarded-protocol: HTTP/1.1\r\n";
    for method in ["POST", "PATCH"] {
        let headers = world.signed(method, "/pictures", "") + pretence;
        assert_eq!(ask(method, &headers, "surprise").refusal(), (401, "components_incomplete".to_owned()), "{method}");
    }
    assert_eq!(world.service.seen(), [] as [serde_json::Value; 0]);
    for headers in ["", pretence] {
        let seen = echo(&ask("DELETE", &(world.signed("DELETE", "/pictures", "") + headers), ""));
        assert_eq!(got(&seen, "doorkey-body"), ["unchecked"]);
        let seen = echo(&ask("GET", &(world.signed("GET", "/pictures", "") + headers), ""));
        assert_eq!(got(&seen, "doorkey-body"), ["unchecked"]);
        let seen = echo(&ask("POST", &(world.signed("POST", "/pictures", "a body") + headers), "a body"));
        assert_eq!((seen["body"].as_str(), got(&seen, "doorkey-body")), (Some("a body"), vec!["unchecked"]));
    }
}

#[test]
fn a_limit_is_told_where_there_is_one() {
    for (more, policy) in [(&[][..], None), (&["--address-limit", "2/1day"], Some("\"address\";q=2;w=86400"))] {
        let world = World::asked(more);
        let caddy = caddy(&world);
        let answer = send(caddy.address(), request("GET", "/pictures", &world.bearer(), ""));
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (200, policy));
        let starts = answer.header("ratelimit").map(|limit| limit.starts_with("\"address\";r=1;t="));
        assert_eq!(starts, policy.map(|_| true), "{:?}", answer.headers);
    }
}

#[test]
fn a_websocket_goes_through_and_nothing_else_that_is_upgraded() {
    let world = World::asked(&[]);
    let caddy = caddy(&world);
    let ask = |connection: &str, upgrades: &str| {
        let handshake = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let head =
            format!("GET /socket HTTP/1.1\r\nhost: api.localhost\r\nconnection: {connection}\r\n{upgrades}{handshake}");
        let mut stream = connect(caddy.address());
        stream.write_all(format!("{head}{}\r\n", world.bearer()).as_bytes()).unwrap();
        let head = read_until(&mut stream, "\r\n\r\n");
        (head, world.service.seen().into_iter().find(|seen| seen["target"] == "/socket").unwrap())
    };
    let (head, seen) = ask("keep-alive, Upgrade, Doorkey-Key-Id", "upgrade: WebSocket\r\n");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!((seen["upgrade"].as_bool(), got(&seen, "doorkey-key-id")), (Some(true), vec![&*world.secret_key_id()]));
    for (connection, upgrades) in [("upgrade", "upgrade: h2c\r\n"), ("x-upgrade", "upgrade: websocket\r\n")] {
        let (head, seen) = ask(connection, upgrades);
        assert!(head.starts_with("HTTP/1.1 200") && seen["upgrade"].is_null(), "{head} {seen}");
        assert_eq!(got(&seen, "upgrade"), [""; 0]);
    }
}

#[test]
fn caddy_refuses_all_while_the_gate_knows_too_little_or_is_gone() {
    let mut world = World::asked(&["--max-staleness", "2s"]);
    let caddy = caddy(&world);
    world.issuer.process.kill().unwrap();
    world.issuer.process.wait().unwrap();
    front(&world, &caddy).fails_closed();
    world.gate.process.kill().unwrap();
    world.gate.process.wait().unwrap();
    let answer = send(caddy.address(), request("GET", "/pictures", &world.bearer(), ""));
    assert_eq!(answer.status, 502, "{}", caddy.log());
}
