use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum_core::body::Body;
use http::{Method, Request, Response};
use tower::ServiceExt;

use super::ForwardAuth;
use crate::policy::Policy;
use crate::proxies::TrustedProxies;
use crate::verifier::Verifier;

const WORDS: [(&str, &str); 5] =
    [("method", "GET"), ("uri", "/pictures"), ("host", "api.example"), ("proto", "https"), ("for", "192.0.2.7")];

/// What a front at `peer` hears that asks about a request without a credential.
async fn ask(method: Method, path: &str, peer: &str, words: &[(&str, &str)]) -> Response<Body> {
    ask_one(gate(), method, path, peer, words).await
}

fn gate() -> ForwardAuth {
    let policy = Policy::new("https://keys.example", "https://api.example").unwrap();
    let policy = policy.with_trusted_proxies(TrustedProxies::parse(&["10.0.0.0/8"]).unwrap());
    ForwardAuth::new(Verifier::new(policy).unwrap())
}

async fn ask_one(gate: ForwardAuth, method: Method, path: &str, peer: &str, words: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in words {
        request = request.header(format!("x-forwarded-{name}"), *value);
    }
    let peer: SocketAddr = format!("{peer}:5000").parse().unwrap();
    let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    gate.into_router().oneshot(request).await.unwrap_or_else(|never| match never {})
}

fn said(response: &Response<Body>) -> (u16, &'static str) {
    let code = response.extensions().get::<doorkey_core::ErrorCode>().map_or("", |code| code.as_str());
    (response.status().as_u16(), code)
}

#[tokio::test]
async fn only_fronts_are_believed() {
    for (peer, expected) in [
        ("127.0.0.1", (401, "credential_missing")),
        ("[::1]", (401, "credential_missing")),
        ("[::ffff:127.0.0.2]", (401, "credential_missing")),
        ("10.1.2.3", (401, "credential_missing")),
        ("192.0.2.1", (400, "malformed_request")),
        ("[2001:db8::1]", (400, "malformed_request")),
    ] {
        assert_eq!(said(&ask(Method::GET, "/auth", peer, &WORDS).await), expected, "{peer}");
    }
}

#[tokio::test]
async fn nothing_but_a_question_is_answered() {
    for (method, path, expected) in [
        // An answer of 200 to either would let a request through that nobody has decided about.
        (Method::OPTIONS, "/auth", (405, "")),
        (Method::OPTIONS, "/nginx", (405, "")),
        (Method::POST, "/auth", (405, "")),
        (Method::GET, "/auth?scope=pictures:read", (401, "credential_missing")),
        (Method::GET, "/auth?limit=1", (422, "invalid_input")),
        (Method::GET, "/auth/", (404, "not_found")),
        (Method::GET, "/", (404, "not_found")),
        (Method::GET, "/nginx/refusal", (404, "not_found")),
    ] {
        assert_eq!(said(&ask(method.clone(), path, "127.0.0.1", &WORDS).await), expected, "{method} {path}");
    }
    // The words of one front where another's are expected; nginx hears of any refusal as a 401.
    let answer = ask(Method::GET, "/nginx", "127.0.0.1", &WORDS).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.headers()["doorkey-refusal"].to_str().unwrap().starts_with("malformed_request;req_"));
}

#[tokio::test]
async fn a_public_api_is_not_called_over_plain_http() {
    let words = WORDS.map(|(name, value)| (name, if name == "proto" { "http" } else { value }));
    assert_eq!(said(&ask(Method::GET, "/auth", "127.0.0.1", &words).await), (400, "insecure_transport"));
}

#[tokio::test]
async fn a_path_has_one_reading_whatever_its_location_needs() {
    let missing = (401, "credential_missing");
    for (path, location, strict, lax) in [
        ("/pictures", "/auth", missing, missing),
        ("/pictures", "/auth?scope=pictures:read", missing, (422, "invalid_input")),
        ("/public/..;/admin/users", "/auth", (400, "malformed_request"), missing),
        ("/x%2f..%2fadmin", "/auth?scope=", (400, "malformed_request"), missing),
        ("/admin;x/users", "/auth?scope=pictures:read", (400, "malformed_request"), (422, "invalid_input")),
    ] {
        let words = WORDS.map(|(name, value)| (name, if name == "uri" { path } else { value }));
        for (gate, expected) in [(gate(), strict), (gate().dangerous_with_ambiguous_paths(), lax)] {
            let answer = ask_one(gate, Method::GET, location, "127.0.0.1", &words).await;
            assert_eq!(said(&answer), expected, "{path} at {location}");
        }
    }
}

#[tokio::test]
async fn a_client_does_not_say_what_the_configuration_says() {
    // As Caddy asks where the path of its configuration ends without a question mark.
    for (uri, expected) in [
        ("/pictures?body=told", (422, "invalid_input")),
        ("/pictures?body=told&", (401, "credential_missing")),
        ("/pictures", (401, "credential_missing")),
    ] {
        let words = WORDS.map(|(name, value)| (name, if name == "uri" { uri } else { value }));
        assert_eq!(said(&ask(Method::GET, "/auth?body=told", "127.0.0.1", &words).await), expected, "{uri}");
    }
}
