//! Which requests of a browser may change something: those of our own pages.

use doorkey_core::{ErrorCode, Origin};
use http::header::{HeaderName, ORIGIN};
use http::{HeaderMap, Method};

use crate::error::Error;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a change that another site's page asks for, with `origin_not_allowed`.
///
/// A browser says where a request is from in `Sec-Fetch-Site`, an older one in `Origin`, and no page can write either.
/// What has neither is from no browser, so nobody's cookie was sent along by mistake.
pub(super) fn check(method: &Method, headers: &HeaderMap, public_url: &Origin) -> Result<(), Error> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_ours = if headers.contains_key(SEC_FETCH_SITE) {
        all(headers, &SEC_FETCH_SITE, |site| matches!(site, b"same-origin" | b"none"))
    } else {
        all(headers, &ORIGIN, |origin| origin == public_url.as_str().as_bytes())
    };
    if is_ours {
        Ok(())
    } else {
        Err(Error::new(ErrorCode::OriginNotAllowed, "a page of another site asked for a change"))
    }
}

fn all(headers: &HeaderMap, name: &HeaderName, is_good: impl Fn(&[u8]) -> bool) -> bool {
    headers.get_all(name).iter().all(|value| is_good(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    type Case = (&'static str, &'static [(&'static str, &'static str)], bool);

    #[test]
    fn only_our_own_pages_change_something() {
        const OURS: &str = "https://keys.example.com";
        let cases: [Case; 19] = [
            ("POST", &[], true),
            ("POST", &[("sec-fetch-site", "same-origin")], true),
            ("DELETE", &[("sec-fetch-site", "none")], true),
            ("POST", &[("sec-fetch-site", "same-site")], false),
            ("POST", &[("sec-fetch-site", "cross-site")], false),
            ("POST", &[("sec-fetch-site", "Same-Origin")], false),
            ("POST", &[("sec-fetch-site", "")], false),
            ("POST", &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            ("POST", &[("sec-fetch-site", "cross-site"), ("origin", OURS)], false),
            ("POST", &[("sec-fetch-site", "same-origin"), ("origin", "https://proxied.example")], true),
            ("POST", &[("origin", OURS)], true),
            ("PATCH", &[("origin", "https://keys.example.com:8443")], false),
            ("PUT", &[("origin", "http://keys.example.com")], false),
            ("DELETE", &[("origin", "https://evil.example")], false),
            ("POST", &[("origin", "null")], false),
            ("POST", &[("origin", OURS), ("origin", "https://evil.example")], false),
            ("BREW", &[("origin", "https://evil.example")], false),
            ("GET", &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], true),
            ("HEAD", &[("origin", "https://evil.example")], true),
        ];
        for (method, headers, allowed) in cases {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            let checked = super::check(&method, &map, &OURS.parse().unwrap());
            assert_eq!(checked.is_ok(), allowed, "{method} {headers:?}");
            if let Err(error) = checked {
                assert_eq!(error.code().as_str(), "origin_not_allowed");
            }
        }
    }
}
