use alloc::vec::Vec;

use doorkey_core::{ErrorCode, RequestTarget, SignedUrl, SigningKey, UnsignedProof, sha256};

use super::{Client, OutgoingRequest};
use crate::instant::Instant;
use crate::session::MintResponse;

const API: &str = "https://api.example";

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

/// Both clocks go on together; the wall clock stands at 2,000 s when the page opens.
fn at(seconds: f64) -> Instant {
    Instant { wall: (2_000.0 + seconds) * 1_000.0, monotonic: seconds * 1_000.0 }
}

fn without_session() -> Client {
    Client::new(*signing_key().verifying_key().as_bytes(), [3; 12])
}

/// A client whose session began at 0 s, which was 5,000 s on the server, and lives for `lifetime` seconds.
fn client(lifetime: f64) -> Client {
    let mut client = without_session();
    let response = MintResponse {
        token: "a.b.c",
        audience: "https://api.example http://localhost:7701",
        expires_at: 5_000.0 + lifetime,
        server_time: 5_000.0,
    };
    client.begin_session(&response, at(0.0));
    client
}

fn get(url: &str) -> OutgoingRequest<'_> {
    OutgoingRequest { method: "GET", url, content_type: None, digest: None }
}

#[test]
fn a_session_is_renewed_in_its_margin_and_waited_for_in_the_rest() {
    // The margin is 30 s or a fifth of the lifetime; in its first half the old token goes on.
    for (lifetime, fresh, due, over) in
        [(300.0, 269.9, 270.0, 285.0), (600.0, 569.9, 570.0, 585.0), (2.0, 1.5, 1.7, 1.8)]
    {
        let client = client(lifetime);
        let state = |seconds| (client.is_usable(at(seconds)), client.is_renewal_due(at(seconds)));
        assert_eq!(state(0.0), (true, false));
        assert_eq!(state(fresh), (true, false), "{lifetime}");
        assert_eq!(state(due), (true, true), "{lifetime}");
        assert_eq!(state(over), (false, true), "{lifetime}");
        assert_eq!(state(3_600.0), (false, true), "{lifetime}");
    }
    let none = without_session();
    assert_eq!((none.is_usable(at(0.0)), none.is_renewal_due(at(0.0))), (false, true));
    assert!(!client(0.0).is_usable(at(0.0)) && !client(-5.0).is_usable(at(0.0)));
}

#[test]
fn clocks_that_drift_apart_end_a_session() {
    let client = client(300.0);
    for (wall, usable) in [(4.9, true), (5.1, false), (-5.1, false)] {
        let now = Instant { wall: at(10.0 + wall).wall, monotonic: at(10.0).monotonic };
        assert_eq!((client.is_usable(now), client.is_renewal_due(now)), (usable, !usable), "{wall}");
    }
}

#[test]
fn a_refusal_ends_the_session_that_it_is_about() {
    for (authorization, code, seconds, usable, may_repeat) in [
        ("Doorkey a.b.c", "token_expired", 5.0, false, true),
        ("Doorkey a.b.c", "token_invalid", 5.0, false, true),
        ("Doorkey a.b.c", "window_invalid", 100.0, false, true),
        // What is refused when it is new would be refused again.
        ("Doorkey a.b.c", "token_expired", 4.9, true, false),
        ("Doorkey a.b.c", "token_invalid", 0.0, true, false),
        ("Doorkey a.b.c", "window_invalid", 0.0, true, false),
        ("Doorkey a.b.c", "replayed", 0.0, true, true),
        ("Doorkey a.b.c", "key_revoked", 100.0, true, false),
        // There is another one by now.
        ("Doorkey old", "token_expired", 0.0, true, true),
        ("Doorkey old", "token_expired", 100.0, true, true),
        ("Doorkey old", "key_revoked", 100.0, true, false),
    ] {
        let mut client = client(300.0);
        assert_eq!(client.refuse(authorization, code, at(seconds).monotonic), may_repeat, "{code} {seconds}");
        assert_eq!(client.is_usable(at(seconds)), usable, "{code} {seconds}");
        assert!(client.covers("https://api.example/"), "calls that are under way still end well");
    }
}

#[test]
fn of_two_calls_that_are_refused_at_once_both_may_be_repeated() {
    let mut client = client(300.0);
    for _ in 0..2 {
        assert!(client.refuse("Doorkey a.b.c", "token_expired", at(100.0).monotonic));
    }
}

#[test]
fn only_the_audience_gets_credentials() {
    let mut client = client(300.0);
    for covered in ["https://api.example/", "https://api.example/a?b#c", "http://localhost:7701/a"] {
        assert!(client.covers(covered), "{covered}");
    }
    for other in [
        "http://api.example/",
        "https://api.example:8443/",
        "https://api.example.evil.example/",
        "https://evil.example/https://api.example/",
        "https://api.exampl/",
        "blob:https://api.example/1",
        "https:///",
        "",
    ] {
        assert!(!client.covers(other), "{other}");
        assert_eq!(
            client.prepare(&get(other), at(0.0).monotonic).unwrap_err().code(),
            ErrorCode::InvalidInput,
            "{other}"
        );
    }
    assert!(!without_session().covers(API));
}

#[test]
fn a_proof_states_server_time_and_counts_its_nonces() {
    let mut client = client(300.0);
    let inputs: Vec<_> = (0..3)
        .map(|i| {
            client
                .prepare(&get("https://api.example/a#f"), at(7.9 + f64::from(i)).monotonic)
                .unwrap()
                .proof
                .signature_input()
        })
        .collect();
    let key = signing_key().verifying_key().to_base64url();
    assert_eq!(
        inputs[0],
        [
            r#"dk=("@method" "@authority" "@path" "@query" "authorization")"#,
            r#";created=5007;expires=5067;nonce="AwMDAwMDAwMDAwMDAAAAAAAA";keyid=""#,
            &key,
            r#"";tag="doorkey""#,
        ]
        .concat()
    );
    assert!(inputs[2].contains(r#";created=5009;expires=5069;nonce="AwMDAwMDAwMDAwMDAAAAAAAC";"#));
}

#[test]
fn a_body_is_covered_with_its_type() {
    let mut client = client(300.0);
    for (content_type, sent) in [(Some("image/png"), "image/png"), (None, "application/octet-stream")] {
        let request = OutgoingRequest {
            method: "POST",
            url: "https://api.example/p?q=1",
            content_type,
            digest: Some(sha256(b"pixels")),
        };
        let signable = client.prepare(&request, at(0.0).monotonic).unwrap();
        assert_eq!(signable.authorization, "Doorkey a.b.c");
        let (content_type, content_digest) = signable.body.unwrap();
        assert_eq!(content_type, sent);
        let base: Vec<_> = signable.proof.base().lines().collect();
        assert_eq!(
            base[..7],
            [
                "\"@method\": POST",
                "\"@authority\": api.example",
                "\"@path\": /p",
                "\"@query\": ?q=1",
                "\"authorization\": Doorkey a.b.c",
                &["\"content-type\": ", sent].concat(),
                &["\"content-digest\": ", &content_digest].concat(),
            ]
        );
        let signature = signing_key().sign(signable.proof.base().as_bytes());
        assert!(UnsignedProof::signature(&signature).starts_with("dk=:"));
    }
    let mut refused = |url, content_type| {
        let request = OutgoingRequest { method: "POST", url, content_type, digest: Some([0; 32]) };
        client.prepare(&request, at(0.0).monotonic).unwrap_err().code()
    };
    assert_eq!(refused("https://api.example/a\\b", None), ErrorCode::MalformedRequest);
    assert_eq!(refused("https://api.example/", Some("text/\u{e9}")), ErrorCode::MalformedRequest);
}

#[test]
fn a_signed_url_is_what_verifiers_read() {
    let mut client = client(300.0);
    for (url, expected, fragment) in [
        (
            "https://api.example/p/1?size=2#page=2",
            "https://api.example/p/1?size=2&dk-token=a.b.c&dk-created=5007&dk-expires=5067",
            "#page=2",
        ),
        ("wss://api.example/feed", "wss://api.example/feed?dk-token=a.b.c&dk-created=5007&dk-expires=5067", ""),
    ] {
        let signable = client.prepare_url(url, 60.9, at(7.9).monotonic).unwrap();
        let signature = signing_key().sign(signable.base().as_bytes());
        let url = signable.into_url(&signature);
        assert!(url.starts_with(expected), "{url}");
        let target = url.split_once("api.example").unwrap().1.strip_suffix(fragment).unwrap();
        let signed = SignedUrl::parse(RequestTarget::parse(target).unwrap()).unwrap().unwrap();
        signed.verify(&signing_key().verifying_key(), "api.example").unwrap();
    }
    for (url, lifetime, code) in [
        ("https://api.example/p", 0.0, ErrorCode::InvalidInput),
        ("https://api.example/p", f64::NAN, ErrorCode::InvalidInput),
        ("https://api.example/p", 301.0, ErrorCode::InvalidInput),
        ("https://api.example/p?dk-token=x", 60.0, ErrorCode::InvalidInput),
        ("https://other.example/p", 60.0, ErrorCode::InvalidInput),
        ("ws://api.example/p", 60.0, ErrorCode::InvalidInput),
    ] {
        assert_eq!(client.prepare_url(url, lifetime, 0.0).unwrap_err().code(), code, "{url} {lifetime}");
    }
    assert!(client.outlives(60.0, at(240.0)) && !client.outlives(60.0, at(240.1)));
    // A new session would do little better.
    assert!(client.outlives(300.0, at(30.0)) && !client.outlives(300.0, at(30.1)));
}

#[test]
fn a_signed_url_ends_with_its_token_at_the_latest() {
    for (seconds, lifetime, terms) in [
        (0.0, 300.0, "dk-created=5000&dk-expires=5300&"),
        (7.9, 300.0, "dk-created=5007&dk-expires=5300&"),
        (250.0, 50.0, "dk-created=5250&dk-expires=5300&"),
        (250.0, 51.0, "dk-created=5250&dk-expires=5300&"),
        (299.9, 1.0, "dk-created=5299&dk-expires=5300&"),
    ] {
        let mut client = client(300.0);
        let signable = client.prepare_url("https://api.example/p", lifetime, at(seconds).monotonic).unwrap();
        let signature = signing_key().sign(signable.base().as_bytes());
        let url = signable.into_url(&signature);
        assert!(url.contains(terms), "{url}");
    }
    let refused = client(10.0).prepare_url("https://api.example/p", 301.0, at(0.0).monotonic).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidInput);
}

#[test]
fn mints_wait_after_a_failure_until_one_succeeds_or_the_network_is_back() {
    let mut client = without_session();
    assert!(client.may_mint(at(0.0)));
    client.fail_mint(Some(3.0), at(0.0));
    assert!(!client.may_mint(at(2.9)) && client.may_mint(at(3.0)));
    client.go_online();
    assert!(client.may_mint(at(0.0)));
}
