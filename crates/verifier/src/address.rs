//! Where a request came from, when proxies stand in between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};

use crate::proxies::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of who asks: the peer's, or where the peer is a trusted proxy, the one that the proxies name.
///
/// Proxies add to the right. So it is read from there, as far as each says that it was asked by the next one that is
/// trusted; whatever stands further left, the caller may have made up. What cannot be read ends it at the last trusted
/// one. RFC 7239 calls the header `Forwarded`; when both are there, one of them is not the proxy's, and none is taken.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let peer = peer.to_canonical();
    if !trusted.contains(peer) {
        return peer;
    }
    let (name, read): (_, fn(&str) -> Option<IpAddr>) =
        match (headers.contains_key(X_FORWARDED_FOR), headers.contains_key(FORWARDED)) {
            (true, false) => (X_FORWARDED_FOR, node),
            (false, true) => (FORWARDED, forwarded_for),
            _ => return peer,
        };
    let mut nearest = peer;
    let lines = headers.get_all(name).iter().collect::<Vec<_>>();
    for hop in lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|&b| b == b',')) {
        let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| read(hop.trim_ascii())) else { break };
        nearest = address;
        if !trusted.contains(address) {
            break;
        }
    }
    nearest
}

/// The `for` of one element of `Forwarded`. A comma or semicolon between quotes cuts the element, which is wrong then:
/// no address has one.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim_ascii().split_once('=')?;
        let value = value.strip_prefix('"').map_or(Some(value), |quoted| quoted.strip_suffix('"'))?;
        if name.is_empty() || value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && found.replace(node(value)?).is_some() {
            return None;
        }
    }
    found
}

/// An address, with or without a port; IPv6 with or without brackets.
pub(crate) fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let address = text.parse().ok().or_else(bracketed);
    address.or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip())).map(|found| found.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::client_address;
    use crate::proxies::TrustedProxies;

    const X: &str = "x-forwarded-for";
    const F: &str = "forwarded";

    fn address(peer: &str, lines: &[(&str, &[u8])]) -> String {
        let trusted = TrustedProxies::parse(&["10.0.0.0/8", "2001:db8:1::/48"]).unwrap();
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(line).unwrap());
        }
        client_address(peer.parse::<IpAddr>().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn who_is_not_trusted_is_not_believed() {
        for peer in ["192.0.2.1", "::ffff:192.0.2.1"] {
            for line in ["198.51.100.1", "10.0.0.1", "x"] {
                assert_eq!(address(peer, &[(X, line.as_bytes())]), "192.0.2.1");
                assert_eq!(address(peer, &[(F, format!("for={line}").as_bytes())]), "192.0.2.1");
            }
        }
    }

    #[test]
    fn the_caller_is_the_first_from_the_right_that_is_not_trusted() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&["198.51.100.1"], "198.51.100.1"),
            (&["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
            (&["192.0.2.66,198.51.100.1,10.0.0.3 ,\t10.0.0.2"], "198.51.100.1"),
            (&["192.0.2.66", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            (&["198.51.100.1", "192.0.2.66"], "192.0.2.66"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["198.51.100.1:5000"], "198.51.100.1"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["[2001:db8::7]:5000, 2001:db8:1::2"], "2001:db8::7"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
            // What cannot be read ends it.
            (&[""], "10.0.0.1"),
            (&["198.51.100.1,"], "10.0.0.1"),
            (&["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["198.51.100.1", "", "10.0.0.2"], "10.0.0.2"),
            (&["198.51.100.1:99999"], "10.0.0.1"),
            (&["[198.51.100.1]"], "10.0.0.1"),
            (&["198.51.100.1/32"], "10.0.0.1"),
            (&["\"198.51.100.1\""], "10.0.0.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line: &&str| (X, line.as_bytes())).collect();
            assert_eq!(address("10.0.0.1", &lines), expected, "{lines:?}");
        }
        assert_eq!(address("10.0.0.1", &[(X, b"198.51.100.1, \xff, 10.0.0.2")]), "10.0.0.2");
    }

    #[test]
    fn the_standard_header_says_the_same() {
        for (line, expected) in [
            ("for=198.51.100.1", "198.51.100.1"),
            ("For=\"198.51.100.1:5000\";proto=https;by=10.0.0.9", "198.51.100.1"),
            ("for=192.0.2.66, proto=https; for=\"[2001:db8::7]:5000\", for=10.0.0.2", "2001:db8::7"),
            ("for=192.0.2.66;x=\", for=198.51.100.1", "198.51.100.1"),
            // What cannot be read ends it.
            ("for=198.51.100.1, proto=https", "10.0.0.1"),
            ("for=198.51.100.1, for=unknown", "10.0.0.1"),
            ("for=198.51.100.1, for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("for=198.51.100.1;for=192.0.2.66", "10.0.0.1"),
            ("for=198.51.100.1;", "10.0.0.1"),
            ("for=198.51.100.1;host=\"a, for=192.0.2.66\"", "10.0.0.1"),
            ("for=198.51.100.1;host=\"a, for=192.0.2.66;b=\\\"\"", "10.0.0.1"),
            ("for=\"198.51.100.1", "10.0.0.1"),
            ("198.51.100.1", "10.0.0.1"),
        ] {
            assert_eq!(address("10.0.0.1", &[(F, line.as_bytes())]), expected, "{line}");
        }
    }

    #[test]
    fn two_headers_are_one_too_many() {
        assert_eq!(address("10.0.0.1", &[(X, b"198.51.100.1"), (F, b"for=198.51.100.1")]), "10.0.0.1");
    }
}
