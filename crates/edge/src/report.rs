//! A refusal as JavaScript gets it: what an error says, and the whole response to send.

use std::time::Duration;

use doorkey_verifier::{Clock, Entropy, Moment, Refusal, RequestId};

/// A moment that JavaScript has told.
#[derive(Clone, Copy, Debug)]
pub struct At(pub(crate) Duration);

impl At {
    /// From `Date.now()`. What is no time is the epoch, at which no signature is within its window.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating is what is meant")]
    pub fn from_millis(millis: f64) -> Self {
        Self(Duration::from_millis(millis as u64))
    }
}

/// Both clocks: `Date.now()` and `performance.now()`. What is no time is the beginning.
pub fn moment(now: f64, monotonic: f64) -> Moment {
    Moment { wall: At::from_millis(now).0, monotonic: since_start(monotonic) }
}

/// From `performance.now()`, which has fractions.
pub fn since_start(monotonic: f64) -> Duration {
    Duration::try_from_secs_f64(monotonic / 1000.0).unwrap_or_default()
}

impl Clock for At {
    fn since_epoch(&self) -> Duration {
        self.0
    }
}

/// Random bytes that JavaScript has drawn.
#[derive(Debug)]
pub(crate) struct Drawn<'a>(pub(crate) &'a [u8]);

impl Entropy for Drawn<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let length = bytes.len().min(self.0.len());
        bytes[..length].copy_from_slice(&self.0[..length]);
    }
}

/// A refusal, ready to be shown.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    code: &'static str,
    status: u16,
    hint: &'static str,
    message: String,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    headers: Vec<(String, String)>,
    body: String,
}

impl Report {
    /// Makes the report of a refusal; `random` is 12 bytes for the request's id.
    pub fn new(refusal: &Refusal, random: &[u8], now: At) -> Self {
        let request_id = RequestId::new(&Drawn(random));
        let (parts, body) = refusal.to_response::<String>(&request_id, &now).into_parts();
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let error = refusal.error();
        Self {
            code: error.code().as_str(),
            status: parts.status.as_u16(),
            hint: error.code().hint(),
            message: error.to_string(),
            request_id: request_id.as_str().to_owned(),
            retry_after: parts.headers.get(http::header::RETRY_AFTER).and_then(|seconds| text(seconds).parse().ok()),
            headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{Error, ErrorCode};
    use doorkey_verifier::{Clock, Refusal, RequestId};
    use http::Response;

    use super::{At, Drawn, Report};

    #[test]
    fn it_holds_the_native_response_to_the_byte() {
        let now = At::from_millis(1_760_000_000_123.7);
        for (code, wait) in [(ErrorCode::Replayed, None), (ErrorCode::KeysUnavailable, Some(1))] {
            let refusal = Refusal::from(Error::new(code, "some detail"));
            let report = Report::new(&refusal, &[7; 12], now);
            let native: Response<String> = refusal.to_response(&RequestId::new(&Drawn(&[7; 12])), &now);
            assert_eq!((report.status, report.retry_after), (native.status().as_u16(), wait));
            assert_eq!(&report.body, native.body());
            assert_eq!(report.headers.len(), native.headers().len());
            assert!(report.headers.iter().all(|(name, value)| native.headers()[name] == value));
            assert_eq!((report.message.as_str(), report.request_id.as_str()), ("some detail", "req_BwcHBwcHBwcHBwcH"));
        }
        assert_eq!(At::from_millis(f64::NAN).now(), 0);
        assert_eq!(At::from_millis(-1.0).now(), 0);
    }
}
