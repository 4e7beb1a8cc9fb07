//! What is tried again, and when: one retry where it is safe, never two.

use doorkey_core::ErrorCode;

/// The longest that a call waits for a server that named a time, in seconds.
const MAX_PATIENCE: u32 = 5;
/// The longest between two mints of which each has failed, in milliseconds.
const MAX_BACK_OFF: f64 = 30_000.0;
const FIRST_BACK_OFF: f64 = 1_000.0;

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The status of the response; 0 if there was none.
    pub status: u16,
    /// The code of a refusal by Doorkey.
    pub code: Option<&'a str>,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
}

impl Ending<'_> {
    /// After how many milliseconds the same request, signed anew, may do better; `None` for never.
    pub fn retry_in(&self) -> Option<f64> {
        const MENDED: [&str; 4] = [
            ErrorCode::TokenExpired.as_str(),
            ErrorCode::TokenInvalid.as_str(),
            ErrorCode::WindowInvalid.as_str(),
            // A browser sends a request again by itself if the server closed a connection that it had kept open.
            ErrorCode::Replayed.as_str(),
        ];
        match self.status {
            0 => Some(0.0),
            401 if self.code.is_some_and(|code| MENDED.contains(&code)) => Some(0.0),
            429 | 503 => self
                .retry_after
                .and_then(|seconds| seconds.parse::<u32>().ok())
                .filter(|seconds| *seconds <= MAX_PATIENCE)
                .map(|seconds| f64::from(seconds) * 1_000.0),
            _ => None,
        }
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
        self.not_before = monotonic + back_off.max(retry_after.unwrap_or(0.0) * 1_000.0);
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
    use super::{Ending, Pace, is_repeatable};

    #[test]
    fn only_what_another_signature_or_a_short_wait_mends_is_tried_again() {
        for (status, code, retry_after, expected) in [
            (0, None, None, Some(0.0)),
            (200, None, Some("1"), None),
            (401, Some("token_expired"), None, Some(0.0)),
            (401, Some("window_invalid"), None, Some(0.0)),
            (401, Some("replayed"), None, Some(0.0)),
            (401, Some("key_revoked"), None, None),
            (401, None, None, None),
            (403, Some("token_expired"), None, None),
            (429, Some("rate_limited"), Some("1"), Some(1_000.0)),
            (429, Some("rate_limited"), Some("6"), None),
            (429, None, None, None),
            (503, None, Some("5"), Some(5_000.0)),
            (503, None, Some("Sat, 21 Nov 2026 17:00:00 GMT"), None),
            (503, None, Some("-1"), None),
            (500, None, Some("1"), None),
        ] {
            assert_eq!(Ending { status, code, retry_after }.retry_in(), expected, "{status} {code:?} {retry_after:?}");
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
        pace.reset();
        assert!(pace.allows(now));
        pace.fail(Some(0.0), now);
        assert!(!pace.allows(now + 999.0) && pace.allows(now + 1_000.0));
    }
}
