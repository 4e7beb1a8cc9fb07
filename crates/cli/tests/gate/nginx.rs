//! The configuration for nginx that Doorkey comes with, but for addresses and names.

use doorkey_servers::Nginx;

use crate::fronts::Front;
use crate::house::PAGE;
use crate::wire::{request, send};
use crate::world::{World, echo, got};

const CONFIGURATION: &str = include_str!("../../gate/nginx.conf");

/// What the configuration shows how to do, done.
const SCOPED: &str = "
    location /admin/ {
        auth_request /doorkey/auth/pictures:delete;
        proxy_pass http://doorkey_api$doorkey_target;
    }
";

fn nginx(world: &World, more: &str) -> Nginx {
    Nginx::start(|address| {
        let mark = "    # A location that needs a scope:\n";
        assert!(CONFIGURATION.contains(mark));
        CONFIGURATION
            .replace("127.0.0.1:7702", &world.gate.address().to_string())
            .replace("127.0.0.1:3000", &world.service.address.to_string())
            .replace("listen 80;", &format!("listen {address};"))
            .replace("api.example.com", "api.localhost")
            .replace("/var/log/nginx/access.log", &world.house.path("access").display().to_string())
            .replace(mark, &format!("{more}{mark}"))
    })
}

fn front<'a>(world: &'a World, nginx: &Nginx) -> Front<'a> {
    Front { world, address: nginx.address(), signed_body: "unchecked", silent_delete: "none", bares_urls: true }
}

#[test]
fn nginx_lets_through_what_the_gate_accepts() {
    let world = World::asked(&[]);
    let nginx = nginx(&world, "");
    let front = front(&world, &nginx);
    front.takes_every_credential_once();
    front.hands_on_what_was_verified();
    front.lets_no_unsigned_body_through();
    front.says_the_audience_as_host();
    front.answers_pages();
    let log = std::fs::read_to_string(world.house.path("access")).unwrap();
    assert!(log.contains("GET \"/pictures/1\" 200"), "{log}");
    assert!(!log.contains("dk-") && !log.contains('?'), "{log}");
    let announced = format!("{}content-length: 10485761\r\n", world.bearer());
    assert_eq!(send(nginx.address(), request("POST", "/pictures", &announced, "")).status, 413);
}

#[test]
fn nginx_lets_nothing_else_through() {
    let world = World::asked(&[]);
    let nginx = nginx(&world, "");
    let front = front(&world, &nginx);
    front.believes_no_client();
    front.cannot_be_smuggled_past();
    front.refuses_what_has_two_readings();
    // Its own locations are nobody's to call.
    for path in ["/doorkey/auth", "/doorkey/auth/pictures:read", "/doorkey/refusal", "/doorkey/preflight"] {
        let answer = send(nginx.address(), request("GET", path, &world.bearer(), ""));
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(world.service.seen(), [] as [serde_json::Value; 0]);
}

#[test]
fn a_location_needs_its_scope_however_its_path_is_written() {
    let world = World::asked(&[]);
    let nginx = nginx(&world, SCOPED);
    let get = |target: &str, headers: &str| send(nginx.address(), request("GET", target, headers, ""));
    let seen = echo(&get("/admin/1", &world.bearer()));
    assert_eq!(got(&seen, "doorkey-scopes"), ["pictures:delete pictures:read"]);
    world.service.seen();
    let answer = get("/admin/1", &world.signed("GET", "/admin/1", ""));
    assert_eq!(answer.refusal(), (403, "insufficient_scope".to_owned()));
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    // nginx takes these for the location; the service may not.
    for target in ["/admin/x%2f..%2fy", "//admin/1", "/admin//1"] {
        let answer = get(target, &world.signed("GET", target, ""));
        assert_eq!(answer.refusal(), (400, "malformed_request".to_owned()), "{target}");
    }
    assert_eq!(world.service.seen(), [] as [serde_json::Value; 0]);
}

#[test]
fn a_limit_comes_out_of_nginx_as_the_gate_says_it() {
    let world = World::asked(&["--address-limit", "2/1day"]);
    let nginx = nginx(&world, "");
    let get = || send(nginx.address(), request("GET", "/pictures", &world.bearer(), ""));
    let answers = [get(), get(), get()];
    assert_eq!([&answers[0], &answers[1]].map(|answer| answer.status), [200, 200]);
    assert_eq!(answers[0].header("ratelimit-policy"), Some("\"address\";q=2;w=86400"));
    assert!(answers[0].header("ratelimit").unwrap().starts_with("\"address\";r=1;t="));
    assert_eq!(answers[2].refusal(), (429, "rate_limited".to_owned()));
    let wait: u64 = answers[2].header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 0 && wait <= 86400, "{wait}");
    assert_eq!(answers[2].header("ratelimit"), Some(&*format!("\"address\";r=0;t={wait}")));
    assert_eq!(answers[2].header("ratelimit-policy"), answers[0].header("ratelimit-policy"));
    assert_eq!(world.service.seen().iter().filter(|seen| seen["target"].is_string()).count(), 2);
}

#[test]
fn nginx_can_serve_an_api_that_needs_such_paths() {
    let world = World::asked(&["--allow-ambiguous-paths"]);
    let nginx = nginx(&world, "");
    front(&world, &nginx).hands_on_what_has_two_readings();
}

#[test]
fn nginx_refuses_all_while_the_gate_knows_too_little_or_is_gone() {
    let mut world = World::asked(&["--max-staleness", "2s"]);
    let nginx = nginx(&world, "");
    world.issuer.process.kill().unwrap();
    world.issuer.process.wait().unwrap();
    front(&world, &nginx).fails_closed();
    world.gate.process.kill().unwrap();
    world.gate.process.wait().unwrap();
    let answer = send(nginx.address(), request("GET", "/pictures", &world.bearer(), ""));
    assert_eq!(answer.refusal(), (503, "keys_unavailable".to_owned()));
    assert!(nginx.log().contains("auth request unexpected status"));
}
