//! The URL of a request, taken apart for the signature.

use doorkey_core::{Error, RequestTarget};

/// An `http` or `https` URL in the form that browsers give to `Request.url`: parsed and serialized by the WHATWG rules,
/// so that nothing is left to normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// `scheme://host[:port]`, as in an `Origin` header.
    pub(crate) origin: &'a str,
    /// `host[:port]`, without a default port.
    pub(crate) authority: &'a str,
    /// Path and query, without the fragment, which is never sent.
    target: &'a str,
}

impl<'a> Address<'a> {
    /// Splits `url`; `None` for `blob:`, `data:` and whatever else has no authority.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        let scheme_end = ["https://", "http://"].iter().find(|scheme| url.starts_with(**scheme))?.len();
        let bytes = url.as_bytes();
        let path = scheme_end + bytes[scheme_end..].iter().position(|&b| b == b'/')?;
        let end = bytes.iter().position(|&b| b == b'#').unwrap_or(bytes.len());
        Some(Self { origin: url.get(..path)?, authority: url.get(scheme_end..path)?, target: url.get(path..end)? })
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
        for (url, origin, path, query) in [
            ("https://api.example/", "https://api.example", "/", "?"),
            ("https://api.example:8443/a/b?c=d", "https://api.example:8443", "/a/b", "?c=d"),
            ("http://[::1]:7701/a#b?c/d", "http://[::1]:7701", "/a", "?"),
            ("https://api.example/?q=%27x%27#", "https://api.example", "/", "?q=%27x%27"),
            ("https://api.example/a?b=https://c.example/d", "https://api.example", "/a", "?b=https://c.example/d"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(address.origin, origin);
            assert_eq!(address.authority, origin.split_once("//").unwrap().1);
            let target = address.target().unwrap();
            assert_eq!((target.path(), &*target.query_component()), (path, query));
        }
        for other in ["", "data:text/plain,x", "blob:https://api.example/7", "about:blank", "https://api.example"] {
            assert_eq!(Address::parse(other), None, "{other}");
        }
    }
}
