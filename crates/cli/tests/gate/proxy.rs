//! The gate as a proxy.

use std::io::Write;
use std::net::Shutdown;

use crate::fronts::Front;
use crate::wire::{connect, read_until, request, send, send_raw};
use crate::world::{World, echo, got};

fn front(world: &World) -> Front<'_> {
    Front { world, address: world.gate.address(), signed_body: "checked", silent_delete: "none", bares_urls: true }
}

#[test]
fn the_proxy_lets_through_what_it_accepts() {
    let world = World::proxying(&[]);
    let front = front(&world);
    front.takes_every_credential_once();
    front.hands_on_what_was_verified();
    front.hands_on_what_has_two_readings();
    front.lets_no_unsigned_body_through();
    front.answers_pages();
}

#[test]
fn the_proxy_lets_nothing_else_through() {
    let world = World::proxying(&[]);
    let front = front(&world);
    front.believes_no_client();
    front.cannot_be_smuggled_past();
}

#[test]
fn the_service_hears_the_audience_as_host() {
    let world = World::proxying(&[]);
    let get = |host: &str| {
        let request = request("GET", "/pictures", &world.bearer(), "");
        send(world.gate.address(), request.replace("host: api.localhost", &format!("host: {host}")))
    };
    for host in ["evil.internal", "localhost", "api.localhost.", "api.localhost:8080"] {
        assert_eq!(get(host).refusal(), (400, "malformed_request".to_owned()), "{host}");
    }
    assert_eq!(world.service.seen(), [] as [serde_json::Value; 0]);
    let seen = echo(&get("API.localhost:80"));
    assert_eq!([got(&seen, "host"), got(&seen, "x-forwarded-host")], [["api.localhost"]; 2]);
    let metrics = send(world.gate.metrics(), request("GET", "/metrics", "", "")).body;
    assert!(metrics.contains("doorkey_decisions_total{code=\"malformed_request\"} 4"), "{metrics}");
}

#[test]
fn nothing_is_taken_off_that_a_signature_covers() {
    let world = World::proxying(&[]);
    for named in ["Content-Type", "close, content-digest", "Host"] {
        let headers = format!("connection: {named}\r\n{}", world.signed("POST", "/a", "abc"));
        let answer = send(world.gate.address(), request("POST", "/a", &headers, "abc"));
        assert_eq!(answer.refusal(), (400, "malformed_request".to_owned()), "{named}");
    }
    assert_eq!(world.service.seen(), [] as [serde_json::Value; 0]);
}

#[test]
fn nothing_goes_on_as_nothing() {
    let world = World::proxying(&[]);
    for (method, length) in
        [("POST", &["0"][..]), ("PUT", &["0"]), ("PATCH", &["0"]), ("DELETE", &[]), ("OPTIONS", &[]), ("GET", &[])]
    {
        let headers = format!("{}proxy: http://evil.example\r\n", world.bearer());
        let seen = echo(&send(world.gate.address(), request(method, "/a", &headers, "")));
        assert_eq!(
            (got(&seen, "content-length"), got(&seen, "transfer-encoding")),
            (length.to_vec(), vec![]),
            "{method}"
        );
        assert_eq!(got(&seen, "proxy"), [""; 0]);
    }
}

#[test]
fn a_body_that_is_cut_off_is_the_clients_fault() {
    let world = World::proxying(&[]);
    let chunked = format!("{}transfer-encoding: chunked\r\n", world.bearer());
    let answer = send(world.gate.address(), request("POST", "/a", &chunked, "") + "2\r\nab\r\nno length\r\n");
    assert_eq!(answer.refusal(), (400, "malformed_request".to_owned()));
    let mut stream = connect(world.gate.address());
    stream
        .write_all(request("POST", "/a", &format!("{}content-length: 9\r\n", world.bearer()), "").as_bytes())
        .unwrap();
    stream.write_all(b"abc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn the_proxy_refuses_all_while_it_knows_too_little() {
    let mut world = World::proxying(&["--max-staleness", "2s"]);
    world.issuer.process.kill().unwrap();
    world.issuer.process.wait().unwrap();
    front(&world).fails_closed();
    let answer = send(world.gate.metrics(), request("GET", "/readyz", "", ""));
    assert_eq!((answer.status, answer.body.as_str()), (503, "directory_stale\n"));
    assert_eq!(send(world.gate.metrics(), request("GET", "/healthz", "", "")).status, 200);
}

#[test]
fn messages_go_through_as_they_are_framed() {
    let world = World::proxying(&[]);
    let address = world.gate.address();
    let bearer = world.bearer();
    // A body without a length. Its trailers stay here, in which a client could speak in the gate's name.
    let chunked = format!("{bearer}transfer-encoding: chunked\r\nte: trailers\r\ntrailer: doorkey-scopes\r\n");
    let body = "2\r\nab\r\n1\r\nc\r\n0\r\ndoorkey-scopes: everything\r\n\r\n";
    let seen = echo(&send(address, request("POST", "/a", &chunked, "") + body));
    assert_eq!((seen["body"].as_str(), &seen["trailers"]), (Some("abc"), &serde_json::json!({})));
    assert_eq!([got(&seen, "te"), got(&seen, "trailer")], [[""; 0]; 2]);
    // A signed one goes on with its length.
    let signed = format!("{}transfer-encoding: chunked\r\n", world.signed("POST", "/a", "abc"));
    let seen = echo(&send(address, request("POST", "/a", &signed, "") + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"));
    assert_eq!((seen["body"].as_str(), got(&seen, "content-length")), (Some("abc"), vec!["3"]));
    assert_eq!(got(&seen, "doorkey-body"), ["checked"]);

    let answer = send(address, request("GET", "/trailers", &format!("{bearer}te: trailers\r\n"), ""));
    assert!(answer.body.contains("x-sum: 42"), "{}", answer.body);
    let answer = send(address, request("HEAD", "/pictures", &bearer, ""));
    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert!(length > 100, "{length}");
    assert_eq!(send(address, request("GET", "/empty", &bearer, "")).status, 204);
    let answer = send(address, request("GET", "/same", &bearer, ""));
    assert_eq!((answer.status, answer.header("etag"), answer.body.as_str()), (304, Some("\"1\""), ""));
    // A client of HTTP/1.0 gets no chunks.
    let old = send_raw(address, format!("GET /trailers HTTP/1.0\r\nhost: api.localhost\r\n{bearer}\r\n"));
    assert!(old.starts_with("HTTP/1.0 200") && old.ends_with("\r\n\r\nbody"), "{old}");
    // What the service refuses itself is its own; the id is the gate's.
    let answer = send(address, request("GET", "/own-refusal", &bearer, ""));
    assert_eq!((answer.status, answer.header("www-authenticate"), answer.header("x-hop")), (401, Some("Basic"), None));
    assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    // Large heads, within bounds.
    let large = format!("{bearer}x-large: {}\r\n", "a".repeat(8000));
    assert_eq!(got(&echo(&send(address, request("GET", "/a", &large, ""))), "x-large")[0].len(), 8000);
    let huge = format!("{bearer}x-huge: {}\r\n", "a".repeat(20_000));
    assert_eq!(send(address, request("GET", "/a", &huge, "")).status, 431);
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked() {
    let world = World::proxying(&[]);
    for headers in [world.bearer(), world.signed("POST", "/a", "abc")] {
        let mut stream = connect(world.gate.address());
        let head = format!("{headers}content-length: 3\r\nexpect: 100-continue\r\n");
        stream.write_all(request("POST", "/a", &head, "").as_bytes()).unwrap();
        read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"abc").unwrap();
        assert!(read_until(&mut stream, "\"trailers\":{}}").starts_with("HTTP/1.1 200"));
        let seen = &world.service.seen()[0];
        assert_eq!((seen["body"].as_str(), got(seen, "expect")), (Some("abc"), vec![]));
    }
    // One that is refused is not asked for its body.
    let mut stream = connect(world.gate.address());
    let head = "content-length: 3\r\nexpect: 100-continue\r\n";
    stream.write_all(request("POST", "/a", head, "").as_bytes()).unwrap();
    assert!(read_until(&mut stream, "\r\n\r\n").starts_with("HTTP/1.1 "));
}

#[test]
fn a_service_that_is_away_or_slow_is_said_to_be() {
    let mut world = World::proxying(&["--upstream-timeout", "500ms"]);
    let get = |path: &str| send(world.gate.address(), request("GET", path, &world.bearer(), ""));
    let answer = get("/hang");
    assert_eq!(answer.refusal(), (502, "upstream_unavailable".to_owned()));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
    // Who hears no more is told so.
    world.service.wait_for_hang_up("/hang");
    world.service.kill();
    assert_eq!(
        send(world.gate.address(), request("GET", "/", &world.bearer(), "")).refusal(),
        (502, "upstream_unavailable".to_owned())
    );
}
