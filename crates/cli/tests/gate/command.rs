//! `doorkey gate` as a command: what it needs, what it shows, how it ends.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use doorkey_servers::Redis;

use crate::house::House;
use crate::wire::{connect, read_until, request, send};
use crate::world::{API, World};

#[test]
fn a_credential_comes_from_a_place_that_others_cannot_read() {
    let house = House::new();
    let refused = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command =
            house.doorkey(&["gate", "--audience", API, "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        let output = command.args(more).envs(variables.iter().copied()).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&[], &[]).contains("doorkey verifiers add"));
    assert!(refused(&[("DOORKEY_VERIFIER", "vk_nonsense")], &[]).contains("malformed_key"));
    let file = house.path("credential");
    std::fs::write(&file, "vk_secret").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let named = ["--credential-file", file.to_str().unwrap()];
    assert!(refused(&[], &named).contains("mode 644"));
    assert!(refused(&[("DOORKEY_VERIFIER", "vk_x")], &named).contains("give one of them"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = refused(&[], &named);
    assert!(said.contains("malformed_key") && !said.contains("vk_secret"), "{said}");
    assert_eq!(house.run(&["gate"]).status.code(), Some(2));
}

#[test]
fn it_can_be_watched_and_tells_no_secret() {
    let world = World::proxying(&[]);
    let address = world.gate.address();
    assert_eq!(world.gate.ready["audiences"], serde_json::json!([API]));
    let url = world.signed_url("/pictures?limit=7");
    for headers in [world.bearer(), world.signed("GET", "/pictures?limit=7", "")] {
        assert_eq!(send(address, request("GET", "/pictures?limit=7", &headers, "")).status, 200);
    }
    assert_eq!(send(address, request("GET", &url, "", "")).status, 200);
    let refused = send(address, request("GET", &url, "", ""));

    let watch = |path: &str| send(world.gate.metrics(), request("GET", path, "", ""));
    assert_eq!((watch("/healthz").status, watch("/readyz").status, watch("/other").status), (200, 200, 404));
    let metrics = watch("/metrics").body;
    for line in [
        "doorkey_decisions_total{code=\"accepted\"} 3",
        "doorkey_decisions_total{code=\"replayed\"} 1",
        "doorkey_decision_seconds_bucket{le=\"0.00001\"}",
        "doorkey_decision_seconds_count 4",
        "doorkey_directory_keys 2",
        "doorkey_directory_age_seconds ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    let misplaced = format!("/keys/{}/x", world.secret);
    assert_eq!(send(address, request("GET", &misplaced, "", "")).status, 401);
    let log = std::fs::read_to_string(world.house.path("gate-log")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| line.parse().unwrap()).collect();
    let id = refused.header("x-request-id").unwrap();
    let line = lines.iter().find(|line| line["request_id"] == id && line["message"] == "request").unwrap();
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/pictures".into()));
    assert_eq!((&line["status"], &line["code"]), (&401.into(), &"replayed".into()));
    assert!(line["duration_us"].is_u64());
    assert!(lines.iter().any(|line| line["path"] == "/keys/…"), "{log}");
    for secret in [&*world.secret, "limit=7", "dk-sig", "dk-token", "sk_test_", "vk_", "Bearer", "dk=:"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn it_is_ready_while_redis_answers() {
    let redis = Redis::start();
    let world = World::proxying(&["--redis", redis.url()]);
    let ready = || {
        let answer = send(world.gate.metrics(), request("GET", "/readyz", "", ""));
        (answer.status, answer.body)
    };
    assert_eq!(ready(), (200, "ok\n".to_owned()));
    redis.kill();
    assert_eq!(ready(), (503, "replay_store_unavailable\n".to_owned()));
    assert_eq!(ready(), (503, "replay_store_unavailable\n".to_owned()));
}

#[test]
fn what_it_refuses_before_it_decides_counts_too() {
    let world = World::asked(&[]);
    let ask = |at: &str, uri: &str, more: &str| {
        let words = format!(
            "x-forwarded-method: GET\r\nx-forwarded-uri: {uri}\r\nx-forwarded-host: api.localhost\r\nx-forwarded-proto: http\r\nx-forwarded-for: 192.0.2.7\r\n"
        );
        send(world.gate.address(), request("GET", at, &format!("{words}{}{more}", world.bearer()), "")).status
    };
    assert_eq!(ask("/auth", "/pictures", ""), 200);
    assert_eq!(ask("/auth", "//pictures", ""), 400);
    assert_eq!(ask("/auth", "/pictures", "doorkey-scopes: everything\r\n"), 400);
    assert_eq!(ask("/nginx", "/pictures", ""), 401);
    assert_eq!(ask("/auth?limit=1", "/pictures", ""), 422);
    let metrics = send(world.gate.metrics(), request("GET", "/metrics", "", "")).body;
    for line in [
        "doorkey_decisions_total{code=\"accepted\"} 1",
        "doorkey_decisions_total{code=\"malformed_request\"} 3",
        "doorkey_decisions_total{code=\"invalid_input\"} 1",
        // Nobody took the time to decide about them.
        "doorkey_decision_seconds_count 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn it_lets_requests_finish_and_tells_what_keys_were_used_for() {
    let mut world = World::proxying(&[]);
    let mut stream = connect(world.gate.address());
    stream.write_all(request("GET", "/stream", &world.bearer(), "").as_bytes()).unwrap();
    read_until(&mut stream, "data: first\n\n");
    world.gate.terminate();
    // It takes no more, and goes on with what it has.
    while std::net::TcpStream::connect(world.gate.address()).is_ok() {}
    world.service.next();
    read_until(&mut stream, "data: second\n\n");
    drop(stream);
    assert_eq!(world.gate.process.wait().unwrap().code(), Some(0));
    // The last use had been told before it ended.
    let keys = world.house.print(&["keys", "list", "--json"]);
    let keys: serde_json::Value = keys.parse().unwrap();
    let id = world.secret_key_id();
    let key = keys
        .as_array()
        .or_else(|| keys["keys"].as_array())
        .unwrap()
        .iter()
        .find(|key| key["id"] == id.as_str())
        .unwrap();
    assert!(key["last_used_at"].is_u64() || key["last_used_at"].is_string(), "{key}");
}
