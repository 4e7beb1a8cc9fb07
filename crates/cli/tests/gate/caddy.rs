//! The configuration for Caddy that Doorkey comes with, but for addresses and names.

use doorkey_servers::Caddy;

use crate::fronts::Front;
use crate::world::World;

const CONFIGURATION: &str = include_str!("../../gate/Caddyfile");

fn caddy(world: &World) -> Caddy {
    Caddy::start(|address| {
        CONFIGURATION
            .replace("127.0.0.1:7702", &world.gate.address().to_string())
            .replace("127.0.0.1:3000", &world.service.address.to_string())
            .replace(
                "http://api.example.com {",
                &format!("http://api.localhost:{} {{\n\tbind 127.0.0.1", address.port()),
            )
    })
}

fn front<'a>(world: &'a World, caddy: &Caddy) -> Front<'a> {
    Front { world, address: caddy.address(), signed_body: "unchecked", bares_urls: false }
}

#[test]
fn caddy_lets_through_what_the_gate_accepts() {
    let world = World::asked(&[]);
    let caddy = caddy(&world);
    let front = front(&world, &caddy);
    front.takes_every_credential_once();
    front.hands_on_what_was_verified();
    front.lets_no_unsigned_body_through();
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

#[test]
fn caddy_refuses_all_while_the_gate_knows_too_little_or_is_gone() {
    let mut world = World::asked(&["--max-staleness", "2s"]);
    let caddy = caddy(&world);
    world.issuer.process.kill().unwrap();
    world.issuer.process.wait().unwrap();
    front(&world, &caddy).fails_closed();
    world.gate.process.kill().unwrap();
    world.gate.process.wait().unwrap();
    let answer = crate::wire::send(caddy.address(), crate::wire::request("GET", "/pictures", &world.bearer(), ""));
    assert_eq!(answer.status, 502, "{}", caddy.log());
}
