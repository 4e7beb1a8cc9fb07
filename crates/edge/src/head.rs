//! A request's head, as JavaScript has it.

use std::net::IpAddr;

use doorkey_core::{Error, ErrorCode};
use doorkey_verifier::RequestHead;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};

/// What HTTP/2 names the authority with, where a server shows it among the headers.
const AUTHORITY: &str = ":authority";

/// A request's method, target and headers.
#[derive(Debug)]
pub struct Head<'a> {
    method: &'a str,
    target: &'a str,
    authority: Option<&'a str>,
    headers: HeaderMap,
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::MalformedRequest, detail)
}

impl<'a> Head<'a> {
    /// Reads the head: `headers` has a name and a value in turn, each on one of its `lines` lines. Without an `authority` it
    /// is that of HTTP/2, or the `Host` header.
    ///
    /// Fails with [`ErrorCode::MalformedRequest`], also for a line feed within a name or a value.
    pub fn read(
        method: &'a str,
        target: &'a str,
        authority: Option<&'a str>,
        headers: &'a str,
        lines: usize,
    ) -> Result<Self, Error> {
        let mut fields = HeaderMap::with_capacity(lines / 2);
        let (mut rest, mut named) = (headers.split('\n'), authority);
        let mut left = lines;
        while left > 0 {
            let (Some(name), Some(value)) = (rest.next(), rest.next()) else {
                return Err(malformed("headers come as names and values"));
            };
            left = left.checked_sub(2).ok_or_else(|| malformed("headers come as names and values"))?;
            if name.starts_with(':') {
                if name == AUTHORITY {
                    named = named.or(Some(value));
                }
                continue;
            }
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a header's name is not one"))?;
            // Bytes above ASCII stay what they are, opaque; where text is needed, the decision refuses them.
            let value =
                HeaderValue::from_bytes(value.as_bytes()).map_err(|_| malformed("a header's value is not one"))?;
            fields.append(name, value);
        }
        // Nothing but the empty piece that splitting no lines yields.
        if rest.next().is_some_and(|more| lines > 0 || !more.is_empty()) || rest.next().is_some() {
            return Err(malformed("a line feed within a header"));
        }
        Ok(Self { method, target, authority: named, headers: fields })
    }

    /// Whether the head says that a body follows, of one byte or of a length that only its end tells.
    pub fn announces_body(&self) -> bool {
        let is_zero = |length: &HeaderValue| length.to_str().is_ok_and(|text| text.parse() == Ok(0_u64));
        self.headers.contains_key(TRANSFER_ENCODING) || !self.headers.get_all(CONTENT_LENGTH).iter().all(is_zero)
    }

    /// The head as the decision takes it, from this peer.
    pub fn as_request(&self, peer: Option<IpAddr>) -> Result<RequestHead<'_>, Error> {
        let host = RequestHead::host(&self.headers)?;
        Ok(RequestHead {
            method: self.method,
            target: self.target,
            authority: self.authority.or(host),
            headers: &self.headers,
            peer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn lines_are_counted_so_that_no_value_becomes_another_header() {
        let read = |headers, lines| Head::read("GET", "/", None, headers, lines);
        let head = read("host\napi.example\nx\n", 4).unwrap();
        assert_eq!(head.headers["x"], "");
        assert_eq!(head.as_request(None).unwrap().authority, Some("api.example"));
        assert!(read("", 0).unwrap().headers.is_empty());
        for (headers, lines) in [
            ("x\n1\nauthorization\nDoorkey t", 2),
            ("x\n1\n\n", 2),
            ("x", 2),
            ("x\n1\ny", 3),
            ("x", 0),
            ("\n", 0),
            ("x y\n1", 2),
            ("\n1", 2),
            ("x\n\u{0}", 2),
            ("x\n1\ry: 2", 2),
        ] {
            assert!(read(headers, lines).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn a_body_is_announced_by_its_length_or_by_its_coding() {
        for (headers, expected) in [
            ("x\n1", false),
            ("content-length\n0", false),
            ("Content-Length\n4", true),
            ("content-length\nfour", true),
            ("transfer-encoding\nchunked", true),
        ] {
            let head = Head::read("POST", "/", None, headers, 2).unwrap();
            assert_eq!(head.announces_body(), expected, "{headers:?}");
        }
        let twice = Head::read("POST", "/", None, "content-length\n0\ncontent-length\n4", 4).unwrap();
        assert!(twice.announces_body());
    }

    #[test]
    fn http_2_names_the_authority_among_the_headers() {
        let head = Head::read("GET", "/", None, ":method\nGET\n:authority\na.example\nhost\nb.example", 6).unwrap();
        assert_eq!(head.as_request(None).unwrap().authority, Some("a.example"));
        let twice = Head::read("GET", "/", None, "host\na.example\nhost\na.example", 4).unwrap();
        assert!(twice.as_request(None).is_err());
    }
}
