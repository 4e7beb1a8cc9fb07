//! The URL of a request, taken apart for the signature.

use doorkey_core::{Error, RequestTarget};

/// An `http`, `https`, `ws` or `wss` URL in the form that browsers give to `Request.url`: parsed and serialized by the WHATWG rules,
/// so that nothing is left to normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// `scheme://host[:port]` as the URL has it.
    origin: &'a str,
    /// Whether the scheme is `ws` or `wss`.
    is_socket: bool,
    /// `host[:port]`, without a default port.
    pub(crate) authority: &'a str,
    /// Path and query, without the fragment, which is never sent.
    target: &'a str,
    /// The fragment with its `#`, or nothing.
    fragment: &'a str,
}

impl<'a> Address<'a> {
    /// Splits `url`; `None` for `blob:`, `data:` and whatever else has no authority.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let schemes = ["https://", "http://", "wss://", "ws://"];
        let (i, scheme) = schemes.iter().enumerate().find(|(_, scheme)| url.starts_with(**scheme))?;
        let scheme_end = scheme.len();
        let bytes = url.as_bytes();
        let path = scheme_end + bytes[scheme_end..].iter().position(|&b| b == b'/')?;
        let end = bytes.iter().position(|&b| b == b'#').unwrap_or(bytes.len());
        Some(Self {
            origin: url.get(..path)?,
            is_socket: i >= 2,
            authority: url.get(scheme_end..path)?,
            target: url.get(path..end)?,
            fragment: url.get(end..)?,
        })
    }

    /// `scheme://host[:port]` as the URL has it.
    pub(crate) fn origin(&self) -> &'a str {
        self.origin
    }

    /// The fragment with its `#`, or nothing.
    pub(crate) fn fragment(&self) -> &'a str {
        self.fragment
    }

    /// Whether `origin`, as in an `Origin` header, is where this leads: a `WebSocket` begins as `http`.
    pub(crate) fn is_at(&self, origin: &str) -> bool {
        if !self.is_socket {
            return self.origin == origin;
        }
        let rest = self.origin.strip_prefix("ws");
        rest.is_some_and(|rest| origin.strip_prefix("http") == Some(rest))
    }

    /// The request target. Fails for one that is too long, or that other software would read in another way.
    pub(crate) fn target(&self) -> Result<RequestTarget<'a>, Error> {
        RequestTarget::parse(self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn a_url_falls_into_origin_and_target() {
        for (url, origin, path, query, fragment) in [
            ("https://api.example/", "https://api.example", "/", "?", ""),
            ("https://api.example:8443/a/b?c=d", "https://api.example:8443", "/a/b", "?c=d", ""),
            ("http://[::1]:7701/a#b?c/d#e", "http://[::1]:7701", "/a", "?", "#b?c/d#e"),
            ("https://api.example/?q=%27x%27#", "https://api.example", "/", "?q=%27x%27", "#"),
            ("https://api.example/a?b=https://c.example/d", "https://api.example", "/a", "?b=https://c.example/d", ""),
        ] {
            let address = Address::parse(url).unwrap();
            assert!(address.is_at(origin) && address.origin() == origin);
            assert_eq!(address.authority, origin.split_once("//").unwrap().1);
            let target = address.target().unwrap();
            assert_eq!((target.path(), &*target.query_component(), address.fragment()), (path, query, fragment));
        }
        for (url, origin) in
            [("wss://api.example/a", "https://api.example"), ("ws://localhost:7701/a", "http://localhost:7701")]
        {
            let address = Address::parse(url).unwrap();
            assert!(address.is_at(origin) && !address.is_at(address.origin()));
            assert!(!address.is_at(&origin.replace("http", "ws")) && !address.is_at(&[origin, "1"].concat()));
        }
        assert!(!Address::parse("ws://api.example/").unwrap().is_at("https://api.example"));
        assert!(!Address::parse("wss://api.example/").unwrap().is_at("http://api.example"));
        for other in ["", "data:text/plain,x", "blob:https://api.example/7", "about:blank", "https://api.example"] {
            assert_eq!(Address::parse(other), None, "{other}");
        }
    }
}
