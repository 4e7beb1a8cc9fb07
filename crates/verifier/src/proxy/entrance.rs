//! What a proxy asks of a request before it looks at who calls: that it came to this API, and that nobody could listen.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum_core::response::Response;
use doorkey_core::{Error, ErrorCode, Origin};
use http::HeaderMap;
use http::header::{CONNECTION, HOST};

use super::headers::X_FORWARDED_PROTO;
use crate::layer::log;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::single;
use crate::verifier::Verifier;

/// All that clients name in `Connection`.
const CONNECTION_WORDS: [&str; 5] = ["close", "keep-alive", "upgrade", "te", "http2-settings"];

/// Refuses a request that may not come in.
pub(super) async fn check(State(verifier): State<Arc<Verifier>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let checked = check_connection(request.headers()).and_then(|()| origin(request.headers(), peer, verifier.policy()));
    match checked {
        Ok(_) => next.run(request).await,
        Err(error) => {
            let (refusal, request_id) = (Refusal::from(error), verifier.request_id());
            verifier.count_refusal(&refusal);
            log(&refusal, &request_id);
            refusal.to_response(&request_id, verifier.clock())
        }
    }
}

/// Refuses a request that names more than the connection's own headers as for this hop alone: what it names is taken off on
/// the way, and could be what a signature covers.
fn check_connection(headers: &HeaderMap) -> Result<(), Error> {
    let is_usual = |word: &[u8]| {
        let word = word.trim_ascii();
        word.is_empty() || CONNECTION_WORDS.iter().any(|usual| word.eq_ignore_ascii_case(usual.as_bytes()))
    };
    let mut lines = headers.get_all(CONNECTION).iter();
    if lines.all(|line| line.as_bytes().split(|&b| b == b',').all(is_usual)) {
        return Ok(());
    }
    Err(Error::new(ErrorCode::MalformedRequest, "connection names a header that is not the connection's own"))
}

/// The audience that a request was made to.
///
/// Fails with [`ErrorCode::MalformedRequest`] if it is none: services choose what they serve by `Host`, and nothing covers
/// that beside a secret key. Fails with [`ErrorCode::InsecureTransport`] if the audience is https and the request did not
/// come to this machine by it: on the way here anyone could read a secret key.
fn origin<'a>(headers: &HeaderMap, peer: Option<IpAddr>, policy: &'a Policy) -> Result<&'a Origin, Error> {
    let named = single(headers, &HOST)?.and_then(|host| policy.origin_named(host));
    let origin = named.ok_or_else(|| Error::new(ErrorCode::MalformedRequest, "the host is none of the audiences"))?;
    if origin.is_secure() && !came_by_tls(headers, peer, policy) {
        let detail = "plain http from another machine: only trusted proxies can say that it was https before them";
        return Err(Error::new(ErrorCode::InsecureTransport, detail));
    }
    Ok(origin)
}

/// Whether TLS ended on this machine, or before a proxy that is trusted. Nobody need say so of this machine, but who says
/// otherwise is believed.
fn came_by_tls(headers: &HeaderMap, peer: Option<IpAddr>, policy: &Policy) -> bool {
    let mut lines = headers.get_all(X_FORWARDED_PROTO).iter();
    let said = lines.next().map(|line| matches!(line.as_bytes(), b"https" | b"wss") && lines.next().is_none());
    match peer {
        Some(peer) if peer.to_canonical().is_loopback() => said.unwrap_or(true),
        Some(peer) if policy.trusted_proxies().contains(peer) => said.unwrap_or(false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONNECTION, HOST};
    use http::{HeaderMap, HeaderValue};

    use super::{X_FORWARDED_PROTO, check_connection, origin};
    use crate::policy::Policy;
    use crate::proxies::TrustedProxies;

    fn policy(audience: &str) -> Policy {
        let trusted = TrustedProxies::parse(&["10.0.0.0/8"]).unwrap();
        Policy::new("https://keys.example", audience).unwrap().with_trusted_proxies(trusted)
    }

    fn check(policy: &Policy, host: &[&str], peer: Option<&str>, schemes: &[&str]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        for scheme in schemes {
            headers.append(X_FORWARDED_PROTO, HeaderValue::from_str(scheme).unwrap());
        }
        let checked = origin(&headers, peer.map(|peer| peer.parse().unwrap()), policy);
        checked.map(|origin| origin.authority().to_owned()).map_err(|error| error.code().to_string())
    }

    #[test]
    fn a_request_is_for_one_of_the_audiences() {
        let policy = policy("https://api.example").with_origin("https://eu.example:8443".parse().unwrap());
        for (host, expected) in [
            (&["api.example"][..], Ok("api.example")),
            (&["API.example:443"], Ok("api.example")),
            (&["eu.example:8443"], Ok("eu.example:8443")),
            (&["evil.internal"], Err("malformed_request")),
            (&["eu.example"], Err("malformed_request")),
            (&["api.example:80"], Err("malformed_request")),
            (&["api.example:443:443"], Err("malformed_request")),
            (&["api.example."], Err("malformed_request")),
            (&[""], Err("malformed_request")),
            (&[], Err("malformed_request")),
            (&["api.example", "api.example"], Err("malformed_request")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(check(&policy, host, Some("127.0.0.1"), &[]), expected, "{host:?}");
        }
    }

    #[test]
    fn nothing_is_taken_off_that_a_signature_may_cover() {
        for (lines, passes) in [
            (&[][..], true),
            (&["close"], true),
            (&["Keep-Alive, Upgrade", ", TE ,\tHTTP2-Settings"], true),
            (&["close, Content-Type"], false),
            (&["close", "content-digest"], false),
            (&["Host"], false),
            (&["upgrade;x"], false),
            (&["close Content-Type"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CONNECTION, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(check_connection(&headers).is_ok(), passes, "{lines:?}");
        }
    }

    #[test]
    fn nobody_else_could_listen() {
        let public = policy("https://api.example");
        for (peer, schemes, passes) in [
            (Some("127.0.0.1"), &[][..], true),
            (Some("::ffff:127.0.0.1"), &["https"], true),
            (Some("::1"), &["http"], false),
            (Some("10.1.2.3"), &["https"], true),
            (Some("10.1.2.3"), &["wss"], true),
            (Some("10.1.2.3"), &["http"], false),
            (Some("10.1.2.3"), &["https, http"], false),
            (Some("10.1.2.3"), &["https", "https"], false),
            (Some("10.1.2.3"), &[], false),
            (Some("192.0.2.1"), &["https"], false),
            (Some("192.0.2.1"), &[], false),
            (None, &["https"], false),
        ] {
            let expected = if passes { Ok("api.example".to_owned()) } else { Err("insecure_transport".to_owned()) };
            assert_eq!(check(&public, &["api.example"], peer, schemes), expected, "{peer:?} {schemes:?}");
        }
        // Where nobody is told that it is https it may be plain, from another container, too.
        let local = policy("http://localhost:3000");
        for peer in ["127.0.0.1", "172.17.0.1"] {
            assert_eq!(check(&local, &["localhost:3000"], Some(peer), &[]), Ok("localhost:3000".into()));
        }
    }
}
