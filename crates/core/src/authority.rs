//! Where a server is: `host[:port]`, and the web origins made of it.

mod origin;

pub use origin::{Origin, OriginPattern};

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::error::{Error, ErrorCode};

/// A `host[:port]` in its one canonical form: lower-case ASCII, a port without leading zeros, no default port.
///
/// `https` is implied; loopback hosts mean `http`. So the authority alone is a whole origin, which is what lets a
/// publishable key name its issuer.
///
/// ```
/// use doorkey_core::Authority;
///
/// assert_eq!("keys.example.com".parse::<Authority>()?.to_origin().as_str(), "https://keys.example.com");
/// assert_eq!("localhost:7700".parse::<Authority>()?.to_origin().as_str(), "http://localhost:7700");
/// assert!("Keys.example.com".parse::<Authority>().is_err());
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority(String);

impl Authority {
    /// The most bytes that an authority has: a DNS name, a colon and five digits.
    pub const MAX_LEN: usize = 253 + 6;

    /// The text, as in a `Host` header and in the `@authority` component.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host is this machine: `localhost`, `*.localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(split_port(&self.0).0)
    }

    /// The origin of an issuer at this authority: `http` on loopback hosts, `https` elsewhere.
    pub fn to_origin(&self) -> Origin {
        let scheme = if self.is_loopback() { "http://" } else { "https://" };
        let default_port = if self.is_loopback() { ":80" } else { ":443" };
        Origin::from_canonical(String::from(scheme) + self.0.strip_suffix(default_port).unwrap_or(&self.0))
    }
}

impl FromStr for Authority {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |detail| Error::new(ErrorCode::InvalidInput, detail);
        if text.is_empty() || text.len() > Self::MAX_LEN {
            return Err(invalid("a host has 1 to 253 characters"));
        }
        let (host, port) = split_port(text);
        if !host.is_ascii() {
            return Err(invalid(
                "a host is ASCII: an international name is written in punycode, xn--bcher-kva.example",
            ));
        }
        if !is_host(host) {
            return Err(invalid("not a host name or address in lower-case ASCII"));
        }
        if let Some(port) = port
            && !is_port(port)
        {
            return Err(invalid("not a port from 1 to 65535 without leading zeros"));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits at the colon before the port, never inside an IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn is_port(port: &str) -> bool {
    !port.starts_with('0') && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':' | b'.')) && address.contains(':');
    }
    host.split('.').all(is_label) && host.len() <= 253
}

/// A DNS label; underscores occur in real host names, an empty label (a trailing dot) would be a second spelling.
fn is_label(label: &str) -> bool {
    let inner = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_loopback(host: &str) -> bool {
    let ipv4 = || {
        let mut octets = host.split('.');
        octets.next() == Some("127") && host.split('.').count() == 4 && octets.all(|octet| octet.parse::<u8>().is_ok())
    };
    host == "localhost" || host.ends_with(".localhost") || host == "[::1]" || ipv4()
}

#[cfg(test)]
mod tests {
    use super::Authority;

    #[test]
    fn only_the_canonical_form_is_read() {
        for accepted in [
            "a",
            "localhost",
            "localhost:7700",
            "keys.example.com:8443",
            "127.0.0.1:80",
            "[::1]:7700",
            "[::1]",
            "x_y.example",
        ] {
            assert_eq!(accepted.parse::<Authority>().unwrap().as_str(), accepted);
        }
        let long = "a".repeat(64);
        for refused in [
            "",
            "A",
            "a:",
            "a:0",
            "a:080",
            "a:65536",
            "a:+80",
            "a b",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a/b",
            "u@a",
            "a:b:80",
            "::1",
            "[::1",
            "[::1]x",
            "[]",
            "b\u{fc}cher.example",
            &long,
        ] {
            assert!(refused.parse::<Authority>().is_err(), "{refused}");
        }
    }

    #[test]
    fn http_is_for_loopback_alone() {
        for (authority, origin) in [
            ("localhost:7700", "http://localhost:7700"),
            ("api.localhost", "http://api.localhost"),
            ("127.9.0.1:80", "http://127.9.0.1"),
            ("[::1]:7700", "http://[::1]:7700"),
            ("example.com:443", "https://example.com"),
            ("127.0.0.1.example.com", "https://127.0.0.1.example.com"),
            ("127.0.0.256", "https://127.0.0.256"),
            ("notlocalhost", "https://notlocalhost"),
            ("127.1", "https://127.1"),
        ] {
            assert_eq!(authority.parse::<Authority>().unwrap().to_origin().as_str(), origin);
        }
    }
}
