//! The cookie that holds a member's sign-in. Its value is a secret and stands in no log.

use std::fmt::Write;

use doorkey_core::{Origin, parse_base64url_array, to_base64url};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// How the cookie is named and marked at one public URL.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignInCookie {
    is_secure: bool,
}

impl SignInCookie {
    /// The cookie of an issuer. Where it is reached with https no other host and no plain http can set it.
    pub(super) fn at(public_url: &Origin) -> Self {
        Self { is_secure: public_url.is_secure() }
    }

    /// `__Host-doorkey`; `doorkey` on a loopback host with http, where browsers take no such prefix.
    pub(super) fn name(self) -> &'static str {
        if self.is_secure { "__Host-doorkey" } else { "doorkey" }
    }

    /// The value of the cookie, if the request has exactly one and it is one that we could have set.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<Zeroizing<[u8; 32]>> {
        let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let mut values = lines
            .flat_map(|line| line.split(|&b| b == b';'))
            .filter_map(|pair| pair.trim_ascii().strip_prefix(self.name().as_bytes())?.strip_prefix(b"="));
        match (values.next(), values.next()) {
            (Some(value), None) => parse_base64url_array(std::str::from_utf8(value).ok()?).map(Zeroizing::new),
            _ => None,
        }
    }

    /// The `Set-Cookie` value for a sign-in that lasts so many seconds.
    pub(super) fn set(self, value: &[u8; 32], seconds: u64) -> HeaderValue {
        self.value(&Zeroizing::new(to_base64url(value)), seconds)
    }

    /// The `Set-Cookie` value that ends it.
    pub(super) fn clear(self) -> HeaderValue {
        self.value("", 0)
    }

    fn value(self, value: &str, seconds: u64) -> HeaderValue {
        let secure = if self.is_secure { " Secure;" } else { "" };
        // Room for all of it, so that no second copy is left behind.
        let mut text = Zeroizing::new(String::with_capacity(160));
        let name = self.name();
        let _ = write!(text, "{name}={value}; Path=/;{secure} HttpOnly; SameSite=Lax; Max-Age={seconds}");
        let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::SignInCookie;

    fn at(url: &str) -> SignInCookie {
        SignInCookie::at(&url.parse().unwrap())
    }

    #[test]
    fn the_cookie_is_closed_to_all_but_us() {
        let text = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
        let set = at("https://keys.example.com").set(&[9; 32], 60);
        assert_eq!(
            set.to_str().unwrap(),
            format!("__Host-doorkey={text}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60")
        );
        assert_eq!(format!("{set:?}"), "Sensitive");
        let local = at("http://localhost:7700");
        assert_eq!(
            local.set(&[9; 32], 60).to_str().unwrap(),
            format!("doorkey={text}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60")
        );
        assert_eq!(local.clear().to_str().unwrap(), "doorkey=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn exactly_one_cookie_is_read() {
        let value = at("https://a.example").set(&[9; 32], 1).to_str().unwrap().to_owned();
        let good = value.split(';').next().unwrap();
        let cases: [(&[&str], bool); 11] = [
            (&[good], true),
            (&[&format!("a=b; {good}; c=d")], true),
            (&["a=b", good], true),
            (&[&format!("doorkey=x;{good}")], true),
            (&[], false),
            (&["__Host-doorkey=x"], false),
            (&["__Host-doorkey="], false),
            (&[&format!("{good}; {good}")], false),
            (&[good, good], false),
            (&[&format!("x{good}")], false),
            (&[&good.replace("__Host-", "__host-")], false),
        ];
        for (lines, is_read) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("cookie", HeaderValue::from_str(line).unwrap());
            }
            let read = at("https://a.example").read(&headers);
            assert_eq!(read.is_some_and(|value| *value == [9; 32]), is_read, "{lines:?}");
            // A cookie that anybody on the network can set is none of ours.
            assert!(at("http://localhost:7700").read(&headers).is_none());
        }
    }
}
