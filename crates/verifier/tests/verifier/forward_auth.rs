//! What a front server hears of signed requests whose bodies pass the gate by.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use doorkey_core::{Bind, ErrorCode};
use doorkey_verifier::{ForwardAuth, Policy, Verifier};
use http::Request;
use tower::ServiceExt;

use crate::clock::ManualClock;
use crate::known::directory;
use crate::signer::{API, ISSUER, NOW, Session, issuer_key};

/// `Doorkey-Body` of the accepted request, or the code of the refusal.
async fn ask(
    at: &str,
    max_bytes: Option<u64>,
    method: &str,
    body: Option<&[u8]>,
    announced: &[(&str, &str)],
) -> String {
    let bind = max_bytes.map(|most| Bind::new(None, None, None, Some(most)).unwrap());
    let session = Session::bound(ISSUER, &issuer_key(), "pictures:read", bind);
    let signed = session.request(method, "/pictures", body);
    let mut request = Request::get(at)
        .header("x-forwarded-method", method)
        .header("x-forwarded-uri", "/pictures")
        .header("x-forwarded-host", "api.example.com")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-for", "198.51.100.7")
        .extension(ConnectInfo::<SocketAddr>("127.0.0.1:1".parse().unwrap()));
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    for (name, value) in announced {
        request = request.header(format!("x-forwarded-{name}"), *value);
    }
    let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap()).unwrap();
    let clock = ManualClock::at(NOW - 1);
    let gate = ForwardAuth::new(verifier.with_directory(directory()).with_clock(Arc::clone(&clock) as _));
    // What was signed in the second in which it began could be from before.
    clock.advance(1);
    let answer = gate.into_router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    match answer.extensions().get::<ErrorCode>() {
        Some(code) => code.to_string(),
        None => answer.headers()["doorkey-body"].to_str().unwrap().to_owned(),
    }
}

#[tokio::test]
async fn what_is_not_told_of_a_body_is_not_known() {
    let (none, some) = (None, Some(&b"a body"[..]));
    let (ten, zero) = (Some(10), Some(0));
    let nothing = &[][..];
    // What a client can say where the front does not.
    let no_body = &[("content-length", "0"), ("protocol", "HTTP/1.1")][..];
    let length = &[("content-length", "6")][..];
    let too_long = &[("content-length", "11")][..];
    for (max_bytes, method, body, announced, told, untold) in [
        (None, "GET", none, nothing, "none", "unchecked"),
        (None, "GET", none, no_body, "none", "unchecked"),
        (None, "HEAD", none, nothing, "none", "unchecked"),
        (None, "GET", none, length, "components_incomplete", "unchecked"),
        (None, "POST", none, nothing, "components_incomplete", "components_incomplete"),
        (None, "POST", none, no_body, "none", "components_incomplete"),
        // Browsers do not announce that a DELETE has none.
        (None, "DELETE", none, nothing, "unchecked", "unchecked"),
        (None, "DELETE", none, no_body, "none", "unchecked"),
        (None, "DELETE", none, length, "components_incomplete", "unchecked"),
        (ten, "DELETE", none, nothing, "body_too_large", "body_too_large"),
        (None, "POST", some, length, "unchecked", "unchecked"),
        (None, "POST", some, nothing, "unchecked", "unchecked"),
        (None, "POST", some, no_body, "components_incomplete", "unchecked"),
        (ten, "POST", some, length, "unchecked", "body_too_large"),
        (ten, "POST", some, too_long, "body_too_large", "body_too_large"),
        (ten, "POST", some, nothing, "body_too_large", "body_too_large"),
        (ten, "POST", none, no_body, "none", "components_incomplete"),
        (ten, "GET", none, nothing, "none", "body_too_large"),
        (zero, "GET", none, no_body, "none", "body_too_large"),
    ] {
        let case = format!("{max_bytes:?} {method} {body:?} {announced:?}");
        assert_eq!(ask("/auth?body=told", max_bytes, method, body, announced).await, told, "told: {case}");
        assert_eq!(ask("/auth", max_bytes, method, body, announced).await, untold, "untold: {case}");
    }
}
