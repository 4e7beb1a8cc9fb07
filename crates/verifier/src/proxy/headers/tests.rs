use http::{HeaderMap, HeaderName, HeaderValue};

use super::{lists, prepare_request, prepare_response};
use crate::proxies::TrustedProxies;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// What goes on of a request from this peer, in order of names.
fn sent(peer: &str, lines: &[(&str, &str)], is_upgrade: bool) -> Vec<(String, String)> {
    let trusted = TrustedProxies::parse(&["10.0.0.0/8"]).unwrap();
    let mut headers = map(lines);
    prepare_request(
        &mut headers,
        &"https://api.example".parse().unwrap(),
        Some(peer.parse().unwrap()),
        &trusted,
        is_upgrade,
    );
    let mut sent: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    sent.sort();
    sent
}

fn own(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_client_says_nothing_in_the_gates_name() {
    let lines = [
        ("Doorkey-Key-Id", "key_1"),
        ("doorkey_key_id", "key_1"),
        ("DOORKEY_SCOPES", "all"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X_Forwarded_For", "10.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Uri", "/admin"),
        ("X-Forwarded-Prefix", "/admin"),
        ("X-Original-URI", "/admin"),
        ("X_Original_URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-Real-IP", "10.0.0.1"),
        ("Proxy", "http://evil.example"),
        ("X_HTTP_Method_Override", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("Forwarded", "for=10.0.0.1"),
        ("Content_Length", "5"),
        ("Signature", "dk=:AA==:"),
        ("Signature-Input", "dk=()"),
        ("Host", "API.example:443"),
        ("Accept", "*/*"),
    ];
    let expected = [
        ("accept", "*/*"),
        ("host", "api.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "api.example"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(sent("192.0.2.1", &lines, false), own(&expected));
}

#[test]
fn a_trusted_proxy_is_believed_where_the_request_came_from() {
    let lines =
        [("X-Forwarded-For", "192.0.2.66, 198.51.100.1"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "x")];
    let expected = [
        ("host", "api.example"),
        ("x-forwarded-for", "192.0.2.66, 198.51.100.1, 10.0.0.1"),
        ("x-forwarded-host", "api.example"),
        ("x-forwarded-proto", "http"),
    ];
    assert_eq!(sent("10.0.0.1", &lines, false), own(&expected));
}

#[test]
fn what_is_for_the_next_hop_stays_there() {
    let lines = [
        ("Connection", "keep-alive, X-Secret,TE, content-length"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic QTpC"),
        ("TE", "gzip, trailers;q=0.5"),
        ("Transfer-Encoding", "chunked"),
        ("Trailer", "X-Sum"),
        ("Upgrade", "h2c"),
        ("Expect", "100-continue"),
        ("X-Secret", "1"),
        ("Content-Length", "5"),
    ];
    let expected = [
        ("content-length", "5"),
        ("host", "api.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "api.example"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(sent("192.0.2.1", &lines, false), own(&expected));

    let mut answer = map(&[
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("X-Request-Id", "2"),
        ("ETag", "3"),
    ]);
    prepare_response(&mut answer);
    assert_eq!(answer, map(&[("ETag", "3")]));
}

#[test]
fn an_upgrade_is_asked_for_anew() {
    let sent = sent("192.0.2.1", &[("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")], true);
    let expected = [
        ("connection", "upgrade"),
        ("host", "api.example"),
        ("upgrade", "websocket"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "api.example"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(sent, own(&expected));
    assert!(lists(
        &map(&[("Connection", "keep-alive"), ("Connection", "Upgrade;x, y")]),
        &http::header::CONNECTION,
        "upgrade"
    ));
    assert!(!lists(&map(&[("Connection", "upgraded")]), &http::header::CONNECTION, "upgrade"));
}
