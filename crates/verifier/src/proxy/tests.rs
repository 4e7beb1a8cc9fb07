use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum_core::body::Body;
use doorkey_core::ErrorCode;
use http::{Method, Request};
use tower::ServiceExt;

use super::ReverseProxy;
use crate::policy::Policy;
use crate::verifier::Verifier;

/// What becomes of a request without a credential: the code of its refusal.
async fn refusal(method: Method, peer: &str, headers: &[(&str, &str)]) -> &'static str {
    let policy = Policy::new("https://keys.example", "https://api.example").unwrap();
    let upstream = "http://127.0.0.1:9".parse().unwrap();
    let proxy = ReverseProxy::new(Verifier::new(policy).unwrap(), &upstream).unwrap();
    let peer: SocketAddr = format!("{peer}:5000").parse().unwrap();
    let mut request = Request::builder().method(method).uri("/pictures").extension(ConnectInfo(peer));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = proxy.into_router().oneshot(request.body(Body::empty()).unwrap()).await;
    let answer = answer.unwrap_or_else(|never| match never {});
    assert!(answer.headers().contains_key("x-request-id") || answer.status() == 200);
    answer.extensions().get::<ErrorCode>().map_or("", |code| code.as_str())
}

#[tokio::test]
async fn what_may_not_come_in_is_not_looked_at() {
    let preflight = [("origin", "https://shop.example"), ("access-control-request-method", "PUT")];
    for (host, peer, expected, of_preflight) in [
        ("api.example", "127.0.0.1", "credential_missing", ""),
        ("evil.internal", "127.0.0.1", "malformed_request", "malformed_request"),
        ("api.example", "192.0.2.1", "insecure_transport", "insecure_transport"),
    ] {
        let host = ("host", host);
        assert_eq!(refusal(Method::GET, peer, &[host]).await, expected, "{host:?} {peer}");
        let preflight = [&[host], &preflight[..]].concat();
        assert_eq!(refusal(Method::OPTIONS, peer, &preflight).await, of_preflight, "{host:?} {peer}");
    }
}
