use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use super::{Authority, is_label, split_port};
use crate::error::{Error, ErrorCode};

/// A web origin (RFC 6454), `scheme://host[:port]`, exactly as a browser writes it.
///
/// ```
/// use doorkey_core::Origin;
///
/// assert_eq!("https://shop.example:8443".parse::<Origin>()?.authority(), "shop.example:8443");
/// assert!("https://shop.example/".parse::<Origin>().is_err());
/// assert!("null".parse::<Origin>().is_err());
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// For text that this module composed of parts that were parsed.
    pub(super) fn from_canonical(text: String) -> Self {
        Self(text)
    }

    /// The text, as in an `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `host[:port]`, as in a `Host` header and in the `@authority` component.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        super::is_loopback(split_port(self.authority()).0)
    }
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorCode::InvalidInput, detail)
}

/// Splits into scheme and authority, and refuses a default port: it would be a second spelling.
fn split_scheme(text: &str) -> Result<(&str, &str), Error> {
    let (scheme, authority) = text.split_once("://").ok_or_else(|| invalid("not of the form https://host"))?;
    let default_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(invalid("the scheme is neither https nor http")),
    };
    if authority.contains(['/', '?', '#']) {
        return Err(invalid("an origin has no path, and no slash at its end"));
    }
    if authority.ends_with(default_port) {
        return Err(invalid("the default port is left out"));
    }
    Ok((scheme, authority))
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (_, authority) = split_scheme(text)?;
        authority.parse::<Authority>()?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An entry of a key's list of origins: an [`Origin`], or one whose first label is `*`.
///
/// The star stands for exactly one label, and at least two follow it, so that no pattern covers a whole top-level domain.
///
/// ```
/// use doorkey_core::OriginPattern;
///
/// let pattern: OriginPattern = "https://*.shop.example".parse()?;
/// assert!(pattern.matches(&"https://eu.shop.example".parse()?));
/// assert!(!pattern.matches(&"https://shop.example".parse()?));
/// assert!(!pattern.matches(&"https://a.eu.shop.example".parse()?));
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginPattern {
    text: String,
    /// Where the star stands, if there is one: just behind `scheme://`.
    star: Option<usize>,
}

impl OriginPattern {
    /// The text, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.text.starts_with("https://")
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        split_scheme(&self.text).is_ok_and(|(_, authority)| super::is_loopback(split_port(authority).0))
    }

    /// Whether the pattern covers `origin`.
    pub fn matches(&self, origin: &Origin) -> bool {
        let Some(star) = self.star else { return self.text == origin.as_str() };
        let (scheme, suffix) = (&self.text[..star], &self.text[star + 1..]);
        origin.as_str().strip_prefix(scheme).and_then(|rest| rest.strip_suffix(suffix)).is_some_and(is_label)
    }
}

impl FromStr for OriginPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (scheme, authority) = split_scheme(text)?;
        let Some(suffix) = authority.strip_prefix("*.") else {
            text.parse::<Origin>()?;
            return Ok(Self { text: text.into(), star: None });
        };
        suffix.parse::<Authority>()?;
        let (host, _) = split_port(suffix);
        if !host.contains('.') || host.split('.').all(|label| label.bytes().all(|b| b.is_ascii_digit())) {
            return Err(invalid("a star is followed by at least two labels of a host name"));
        }
        Ok(Self { text: text.into(), star: Some(scheme.len() + 3) })
    }
}

impl serde::Serialize for OriginPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for OriginPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Origin, OriginPattern};

    #[test]
    fn an_origin_that_is_none_is_told_why() {
        for (text, why) in [
            ("https://a.example/", "no path, and no slash at its end"),
            ("https://*.a.example/x", "no path, and no slash at its end"),
            ("https://a.example?x", "no path, and no slash at its end"),
            ("https://b\u{fc}cher.example", "punycode"),
            ("https://*.b\u{fc}cher.example", "punycode"),
            ("https://A.example", "lower-case"),
        ] {
            let detail = text.parse::<OriginPattern>().unwrap_err().to_string();
            assert!(detail.contains(why), "{text}: {detail}");
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for accepted in ["https://a.example", "http://localhost:7700", "https://[::1]:8443", "http://a.example:443"] {
            assert_eq!(accepted.parse::<Origin>().unwrap().as_str(), accepted);
        }
        for refused in [
            "",
            "null",
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example:443",
            "http://a.example:80",
            "HTTPS://a.example",
            "https://A.example",
            "ftp://a.example",
            "https://u@a.example",
            "https://*.a.example",
            "https://a.example#",
        ] {
            assert!(refused.parse::<Origin>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_star_is_one_label() {
        let matches =
            |pattern: &str, origin: &str| pattern.parse::<OriginPattern>().unwrap().matches(&origin.parse().unwrap());
        assert!(matches("https://*.a.example", "https://x.a.example"));
        assert!(matches("https://*.a.example:8443", "https://x.a.example:8443"));
        assert!(matches("https://a.example", "https://a.example"));
        for (pattern, origin) in [
            ("https://*.a.example", "https://a.example"),
            ("https://*.a.example", "https://x.y.a.example"),
            ("https://*.a.example", "http://x.a.example"),
            ("https://*.a.example", "https://x.a.example:8443"),
            ("https://*.a.example", "https://xa.example"),
            ("https://a.example", "https://a.example.evil.example"),
        ] {
            assert!(!matches(pattern, origin), "{pattern} {origin}");
        }
        for refused in [
            "https://*",
            "https://*.example",
            "https://x*.a.example",
            "https://*.*.a.example",
            "https://a.*.example",
            "*",
            "https://*.1.2",
        ] {
            assert!(refused.parse::<OriginPattern>().is_err(), "{refused}");
        }
    }
}
