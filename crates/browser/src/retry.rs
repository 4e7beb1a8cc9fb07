//! What is tried again, and when: one retry where it is safe, never two.

use doorkey_core::ErrorCode;

/// The longest that a call waits for a server that named a time, in seconds.
const MAX_PATIENCE: u32 = 5;
/// The longest between two mints of which each has failed, in milliseconds.
const MAX_BACK_OFF: f64 = 30_000.0;
const FIRST_BACK_OFF: f64 = 1_000.0;
/// The longest that an issuer can keep a page from minting, in seconds; a page may be open for days.
const MAX_RETRY_AFTER: f64 = 3_600.0;

/// How a request ended, if not with a refusal of its credentials.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The status of the response; 0 if there was none.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
}

impl Ending<'_> {
    /// After how many milliseconds the same request, signed anew, may do better; `None` for never.
    pub fn retry_in(&self) -> Option<f64> {
        match self.status {
            0 => Some(0.0),
            429 | 503 => self
                .retry_after
                .and_then(|seconds| seconds.parse::<u32>().ok())
                .filter(|seconds| *seconds <= MAX_PATIENCE)
                .map(|seconds| f64::from(seconds) * 1_000.0),
            _ => None,
        }
    }
}

/// What may mend a request that a server refused by a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Another signature.
    Signature,
    /// Another token, or another reading of the server's clock.
    Session,
}

impl Remedy {
    /// By the code of the refusal; `None` where nothing helps.
    pub(crate) fn of(code: &str) -> Option<Self> {
        const OF_SESSION: [&str; 3] =
            [ErrorCode::TokenExpired.as_str(), ErrorCode::TokenInvalid.as_str(), ErrorCode::WindowInvalid.as_str()];
        // A browser sends a request again by itself if the server closed a connection that it had kept open.
        if code == ErrorCode::Replayed.as_str() {
            return Some(Self::Signature);
        }
        OF_SESSION.contains(&code).then_some(Self::Session)
    }
}

/// Whether a request may reach a server twice: its method is safe (RFC 9110, section 9.2.1), or the server tells the
/// second from the first by a key of its own.
pub fn is_repeatable(method: &str, has_idempotency_key: bool) -> bool {
    has_idempotency_key || ["GET", "HEAD", "OPTIONS", "TRACE"].contains(&method)
}

/// How mints are paced while they fail, so that many pages do not hold a weak issuer down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    failures: i32,
    /// In milliseconds of the monotonic clock.
    not_before: f64,
}

impl Pace {
    /// Takes note of a mint that failed at `monotonic`; `retry_after` is what the issuer said, in seconds.
    pub(crate) fn fail(&mut self, retry_after: Option<f64>, monotonic: f64) {
        let mut back_off = FIRST_BACK_OFF;
        for _ in 0..self.failures {
            back_off = (back_off * 2.0).min(MAX_BACK_OFF);
        }
        self.failures = (self.failures + 1).min(10);
        self.not_before = monotonic + back_off.max(retry_after.unwrap_or(0.0).min(MAX_RETRY_AFTER) * 1_000.0);
    }

    /// Whether another mint may be tried at `monotonic`.
    pub(crate) fn allows(&self, monotonic: f64) -> bool {
        monotonic >= self.not_before
    }

    /// Begins anew: a mint succeeded, or there is a network again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Pace, Remedy, is_repeatable};

    #[test]
    fn only_what_a_short_wait_mends_is_tried_again() {
        for (status, retry_after, expected) in [
            (0, None, Some(0.0)),
            (200, Some("1"), None),
            (401, Some("1"), None),
            (429, Some("1"), Some(1_000.0)),
            (429, Some("6"), None),
            (429, None, None),
            (503, Some("5"), Some(5_000.0)),
            (503, Some("Sat, 21 Nov 2026 17:00:00 GMT"), None),
            (503, Some("-1"), None),
            (500, Some("1"), None),
        ] {
            assert_eq!(Ending { status, retry_after }.retry_in(), expected, "{status} {retry_after:?}");
        }
    }

    #[test]
    fn a_code_says_what_may_mend_a_refusal() {
        for (code, remedy) in [
            ("token_expired", Some(Remedy::Session)),
            ("token_invalid", Some(Remedy::Session)),
            ("window_invalid", Some(Remedy::Session)),
            ("replayed", Some(Remedy::Signature)),
            ("key_revoked", None),
            ("", None),
        ] {
            assert_eq!(Remedy::of(code), remedy, "{code}");
        }
    }

    #[test]
    fn only_safe_methods_and_requests_with_a_key_are_sent_twice() {
        assert!(["GET", "HEAD", "OPTIONS"].iter().all(|method| is_repeatable(method, false)));
        assert!(!["POST", "PUT", "DELETE", "PATCH", "get", ""].iter().any(|method| is_repeatable(method, false)));
        assert!(is_repeatable("POST", true));
    }

    #[test]
    fn mints_that_fail_grow_rarer_until_one_succeeds() {
        let mut pace = Pace::default();
        assert!(pace.allows(0.0));
        let mut now = 0.0;
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            pace.fail(None, now);
            assert!(!pace.allows(now + seconds * 1_000.0 - 1.0) && pace.allows(now + seconds * 1_000.0), "{seconds}");
            now += seconds * 1_000.0;
        }
        pace.fail(Some(90.0), now);
        assert!(!pace.allows(now + 89_999.0) && pace.allows(now + 90_000.0));
        pace.fail(Some(1e9), now);
        assert!(!pace.allows(now + 3_599_999.0) && pace.allows(now + 3_600_000.0), "no page is shut out for days");
        pace.reset();
        assert!(pace.allows(now));
        pace.fail(Some(0.0), now);
        assert!(!pace.allows(now + 999.0) && pace.allows(now + 1_000.0));
    }
}
