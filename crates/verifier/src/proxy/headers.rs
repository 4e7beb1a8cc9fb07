//! Which headers go through a proxy, and which it writes itself.

use std::net::IpAddr;

use doorkey_core::Origin;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::principal_headers::{begins_with, dashed, is_principal_header};
use crate::proxies::TrustedProxies;
use crate::refusal::REQUEST_ID;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What is for the next hop alone (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Headers by which frameworks take another path, method or address for the request's than it has.
const OVERRIDES: [&str; 8] = [
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    // CGI makes of it the proxy that the service itself would use.
    "proxy",
    // Used up, and of no use to whoever did not see the credential.
    "signature",
    "signature-input",
];

/// Makes a client's headers the ones that the service gets; those about the principal come on top.
///
/// `Host` is the origin's, however the client has spelled it.
pub(super) fn prepare_request(
    headers: &mut HeaderMap,
    origin: &Origin,
    peer: Option<IpAddr>,
    proxies: &TrustedProxies,
    is_upgrade: bool,
) {
    let is_believed = peer.is_some_and(|peer| proxies.contains(peer));
    let mut scheme = HeaderValue::from_static(if origin.is_secure() { "https" } else { "http" });
    let mut route = Vec::new();
    if is_believed {
        let lines = headers.get_all(X_FORWARDED_FOR).iter();
        route.extend(lines.filter_map(|line| line.to_str().ok()).map(str::to_owned));
        if let Some(told) = headers.get(X_FORWARDED_PROTO) {
            scheme = told.clone();
        }
    }
    route.extend(peer.map(|peer| peer.to_canonical().to_string()));

    take_off_hop_by_hop(headers);
    // No trailers go on: a service may take one for the header of that name, and nobody looks at them here.
    headers.remove(TRAILER);
    // It is answered here, as soon as the body is asked for.
    headers.remove(EXPECT);
    let is_dropped = |name: &HeaderName| {
        let dashed = dashed(name);
        is_principal_header(name)
            || begins_with(name, "x-forwarded-")
            || begins_with(name, "x-original-")
            || OVERRIDES.contains(&&*dashed)
            || dashed == FORWARDED.as_str()
            // Another spelling of what frames the request.
            || (name.as_str().contains('_') && [&CONTENT_LENGTH, &TRANSFER_ENCODING, &HOST].iter().any(|of| dashed == of.as_str()))
    };
    let dropped: Vec<_> = headers.keys().filter(|name| is_dropped(name)).cloned().collect();
    for name in dropped {
        headers.remove(name);
    }

    if let Ok(route) = HeaderValue::from_str(&route.join(", ")) {
        headers.insert(X_FORWARDED_FOR, route);
    }
    headers.insert(X_FORWARDED_PROTO, scheme);
    if let Ok(host) = HeaderValue::from_str(origin.authority()) {
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(HOST, host);
    }
    if is_upgrade {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Makes the service's headers the ones that the client gets. The request's id is the gate's.
pub(super) fn prepare_response(headers: &mut HeaderMap) {
    take_off_hop_by_hop(headers);
    headers.remove(REQUEST_ID);
}

/// Whether a header that lists words lists this one; parameters behind it do not matter.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    let mut words = lines.flat_map(|line| line.split(',')).filter_map(|item| item.split(';').next());
    words.any(|item| item.trim().eq_ignore_ascii_case(word))
}

fn take_off_hop_by_hop(headers: &mut HeaderMap) {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let named = lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse::<HeaderName>().ok());
    // Nobody may have taken off what the message is framed, or its sender known, by.
    let named: Vec<_> = named.filter(|name| ![CONTENT_LENGTH, HOST].contains(name)).collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
