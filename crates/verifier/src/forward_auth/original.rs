//! The request that a front server asks about, as it tells it in headers.

use std::net::IpAddr;

use doorkey_core::{Error, ErrorCode};
use http::header::{CONTENT_LENGTH, FORWARDED, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::address::node;
use crate::decision::AnnouncedBody;
use crate::principal_headers::{begins_with, dashed, is_principal_header};
use crate::request::{RequestHead, single};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Which front asks, and so which headers are its own words. It sets each of them itself, over whatever a client sent
/// under the same name; all others are the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// nginx, with the configuration that Doorkey comes with: `X-Original-…`.
    Nginx,
    /// Caddy, Traefik and others with `X-Forwarded-…`.
    Forwarding,
}

/// The names of one front.
struct Names {
    method: HeaderName,
    target: HeaderName,
    host: HeaderName,
    scheme: HeaderName,
    /// Who asked the front.
    address: HeaderName,
    protocol: HeaderName,
    length: HeaderName,
    encoding: HeaderName,
}

const ORIGINAL: Names = Names {
    method: HeaderName::from_static("x-original-method"),
    target: HeaderName::from_static("x-original-uri"),
    host: HeaderName::from_static("x-original-host"),
    scheme: HeaderName::from_static("x-original-scheme"),
    address: HeaderName::from_static("x-original-address"),
    protocol: HeaderName::from_static("x-original-protocol"),
    length: HeaderName::from_static("x-original-content-length"),
    encoding: HeaderName::from_static("x-original-transfer-encoding"),
};

const FORWARDED_: Names = Names {
    method: HeaderName::from_static("x-forwarded-method"),
    target: HeaderName::from_static("x-forwarded-uri"),
    host: HeaderName::from_static("x-forwarded-host"),
    scheme: X_FORWARDED_PROTO,
    address: X_FORWARDED_FOR,
    protocol: HeaderName::from_static("x-forwarded-protocol"),
    length: HeaderName::from_static("x-forwarded-content-length"),
    encoding: HeaderName::from_static("x-forwarded-transfer-encoding"),
};

/// A request as it came to the front.
pub(super) struct Original {
    pub(super) method: Method,
    /// The raw path and query.
    pub(super) target: String,
    pub(super) host: String,
    pub(super) is_secure: bool,
    /// Who asked the front: the client, or a proxy before it.
    pub(super) peer: IpAddr,
    /// The headers that came from there.
    pub(super) headers: HeaderMap,
    pub(super) body: AnnouncedBody,
}

impl Original {
    /// Fails with [`ErrorCode::MalformedRequest`] for whatever a front would not say so, and for headers of a client
    /// that would be taken for a gate's or a front's further on.
    ///
    /// What is said of the body is the front's own word only if it `tells_bodies`: others pass a client's headers of these
    /// names on.
    pub(super) fn read(front: Front, tells_bodies: bool, mut headers: HeaderMap) -> Result<Self, Error> {
        let (names, others) = match front {
            Front::Nginx => (&ORIGINAL, &FORWARDED_),
            Front::Forwarding => (&FORWARDED_, &ORIGINAL),
        };
        refuse_pretenders(&headers)?;
        // A front whose own names are the other ones passes a client's on: whoever set it up mistook one path for another.
        if headers.contains_key(&others.method) || headers.contains_key(&others.target) {
            return malformed("the request is told in the words of two kinds of front servers");
        }
        let method = told(&headers, &names.method)?;
        let method = Method::from_bytes(method.as_bytes()).or_else(|_| malformed("the told method is none"))?;
        let target = told(&headers, &names.target)?.to_owned();
        let host = told(&headers, &names.host)?.to_owned();
        let is_secure = match told(&headers, &names.scheme)? {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return malformed("the told scheme is neither http nor https"),
        };
        let body = match tells_bodies {
            true => announced(&headers, names, &method)?,
            false if goes_without(&method) || method == Method::DELETE => AnnouncedBody::Unlikely,
            false => AnnouncedBody::Unknown,
        };
        // Where it is a list, the front has put whom it knows behind what it was told.
        let address = told(&headers, &names.address)?;
        let (before, nearest) = address.rsplit_once(',').map_or((None, address), |(before, last)| (Some(before), last));
        let peer =
            node(nearest.trim()).ok_or_else(|| Error::new(ErrorCode::MalformedRequest, "the told address is none"))?;
        let before = before.and_then(|before| HeaderValue::from_str(before).ok());

        for name in [&names.method, &names.target, &names.host, &names.scheme, &names.address] {
            headers.remove(name);
        }
        for name in [&names.protocol, &names.length, &names.encoding, &CONTENT_LENGTH, &TRANSFER_ENCODING, &HOST] {
            headers.remove(name);
        }
        // No front of these writes it: it is the client's own, and would make nothing of the other.
        headers.remove(FORWARDED);
        if let Some(before) = before {
            headers.insert(X_FORWARDED_FOR, before);
        }
        // What the decision looks at in these two.
        match body {
            AnnouncedBody::Length(length) => drop(headers.insert(CONTENT_LENGTH, HeaderValue::from(length))),
            AnnouncedBody::Unbounded => {
                drop(headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked")));
            }
            AnnouncedBody::Unknown | AnnouncedBody::Unlikely => {}
        }
        Ok(Self { method, target, host, is_secure, peer, headers, body })
    }

    /// The same for the decision.
    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method.as_str(),
            target: &self.target,
            authority: Some(&self.host),
            headers: &self.headers,
            peer: Some(self.peer),
        }
    }
}

fn malformed<T>(detail: &'static str) -> Result<T, Error> {
    Err(Error::new(ErrorCode::MalformedRequest, detail))
}

/// Refuses names that a service behind the front would read as a gate's own, or as a front's in another spelling: the
/// front sends a client's headers on, and only a refusal stops them.
fn refuse_pretenders(headers: &HeaderMap) -> Result<(), Error> {
    let is_respelled = |name: &HeaderName| {
        name.as_str().contains('_') && (begins_with(name, "x-original-") || begins_with(name, "x-forwarded-"))
    };
    if headers.keys().any(is_principal_header) {
        return malformed("headers that begin with doorkey- are the gate's own");
    }
    if headers.keys().any(is_respelled) {
        return malformed("a header of front servers with an underscore in its name");
    }
    Ok(())
}

/// What the front says, once.
fn told<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, Error> {
    match single(headers, name)? {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::new(ErrorCode::MalformedRequest, format!("the front server does not say {}", dashed(name)))),
    }
}

/// What the front says, if it says something: some send an empty value for what a request does not have.
fn told_if_any<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    Ok(single(headers, name)?.filter(|value| !value.is_empty()))
}

fn announced(headers: &HeaderMap, names: &Names, method: &Method) -> Result<AnnouncedBody, Error> {
    let encoding = told_if_any(headers, &names.encoding)?;
    let length = told_if_any(headers, &names.length)?;
    let protocol = told_if_any(headers, &names.protocol)?;
    match (encoding, length) {
        (Some(_), Some(_)) => malformed("a body with both a length and a transfer encoding"),
        (Some(_), None) => Ok(AnnouncedBody::Unbounded),
        (None, Some(length)) if length.bytes().all(|b| b.is_ascii_digit()) => {
            length.parse().map(AnnouncedBody::Length).or_else(|_| malformed("the told length is none"))
        }
        (None, Some(_)) => malformed("the told length is none"),
        // Before HTTP/2 a body is announced or there is none; from then on it may come unannounced.
        (None, None) => {
            let is_before_2 = protocol.is_some_and(|protocol| protocol.starts_with("HTTP/1."));
            Ok(match *method {
                _ if is_before_2 || goes_without(method) => AnnouncedBody::Length(0),
                // Pages send it without one, and their browsers do not say so.
                Method::DELETE => AnnouncedBody::Unlikely,
                _ => AnnouncedBody::Unknown,
            })
        }
    }
}

/// Whether requests with this method go without a body: one that came would have no meaning (RFC 9110, section 9.3).
///
/// The same is written of DELETE, but services do read theirs: they hear that nobody has seen whether there is one.
fn goes_without(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests;
