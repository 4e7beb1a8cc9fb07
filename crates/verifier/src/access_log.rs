//! One line for each request to a gate. Never a query: a credential may be in it. Nor what looks like one in a path.

use std::time::Duration;

use doorkey_core::ErrorCode;
use http::Response;

use crate::ambient::Clock;

/// What credentials begin with, in whatever case: keys, whose brand comes before it, and what a signed URL carries.
const CREDENTIALS: [&str; 4] = ["sk_live_", "sk_test_", "dk-token", "dk-sig"];

/// What the line of one request will say.
pub(crate) struct Access {
    method: String,
    path: String,
    since: Duration,
}

impl Access {
    pub(crate) fn begin(clock: &dyn Clock) -> Self {
        Self { method: String::new(), path: String::new(), since: clock.monotonic() }
    }

    pub(crate) fn is_about(&mut self, method: &str, target: &str) {
        method.clone_into(&mut self.method);
        self.path = shown(target.split('?').next().unwrap_or_default());
    }

    /// Writes it, once the head of the response is there.
    pub(crate) fn end<B>(&self, request_id: Option<&str>, response: &Response<B>, clock: &dyn Clock) {
        let duration = clock.monotonic().saturating_sub(self.since);
        tracing::info!(
            request_id,
            method = self.method,
            path = self.path,
            status = response.status().as_u16(),
            code = response.extensions().get::<ErrorCode>().map(|code| code.as_str()),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// A path up to what looks like a credential, which somebody may have put into it by mistake, escaped or not.
fn shown(path: &str) -> String {
    let begins = |rest: &str| CREDENTIALS.iter().any(|mark| mark.bytes().eq(decoded(rest).take(mark.len())));
    match path.char_indices().find(|&(at, _)| begins(&path[at..])) {
        Some((at, _)) => format!("{}…", &path[..at]),
        None => path.to_owned(),
    }
}

/// The bytes of a path in lower case, with those that are escaped.
fn decoded(path: &str) -> impl Iterator<Item = u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut rest = path.as_bytes();
    std::iter::from_fn(move || {
        let (&first, others) = rest.split_first()?;
        rest = others;
        let escaped = (first == b'%').then(|| digit(others.first()).zip(digit(others.get(1)))).flatten();
        let byte = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        if byte.is_some() {
            rest = &others[2..];
        }
        Some(byte.unwrap_or(first).to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_credential_in_a_path_is_not_shown() {
        for (path, expected) in [
            ("/pictures/1", "/pictures/1"),
            ("/", "/"),
            ("", ""),
            ("/sk_lived/dk-told", "/sk_lived/dk-told"),
            ("/zo%C3%AB/%", "/zo%C3%AB/%"),
            ("/zoë/sk_live_1", "/zoë/…"),
            ("/a/sk_test_abc/b", "/a/…"),
            ("/a/acme_sk_live_abc/b", "/a/acme_…"),
            ("/a/SK%5flive%5Fabc", "/a/…"),
            ("/a/%73k_test_abc", "/a/…"),
            ("/a&dk-token=abc", "/a&…"),
            ("/a%3Fdk%2Dsig=abc", "/a%3F…"),
        ] {
            assert_eq!(shown(path), expected, "{path}");
        }
    }
}
