//! How a refusal looks over HTTP, the same from the issuer and from every verifier.

use std::time::Duration;

use doorkey_core::{Error, FieldError, KeyId, Problem, to_base64url};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::ambient::{Clock, Entropy, random};

/// The header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id under which a request is logged: `req_` and 16 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new random id. A caller's own id is never taken over: it would let callers write into the logs.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self("req_".to_owned() + &to_base64url(&random::<12>(entropy)))
    }

    /// Reads an id that this server, or another gate, has made.
    #[cfg(feature = "gate")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix("req_").and_then(doorkey_core::parse_base64url_array::<12>)?;
        Some(Self("req_".to_owned() + &to_base64url(&random)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A limit that was reached, as the `RateLimit` fields tell it (draft-ietf-httpapi-ratelimit-headers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReachedLimit {
    /// What is limited, in a word: `key`, `address`, `session`.
    pub policy: &'static str,
    /// How many requests fit into a window.
    pub quota: u64,
    /// The window.
    pub window: Duration,
}

impl ReachedLimit {
    /// What can be limited.
    #[cfg(feature = "gate")]
    pub(crate) const POLICIES: [&str; 5] = ["key", "quota", "session", "address", "origin"];
}

/// An [`Error`] with what only HTTP can say about it.
#[derive(Clone, Debug)]
pub struct Refusal {
    error: Error,
    retry_after: Option<Duration>,
    limit: Option<Box<ReachedLimit>>,
    fields: Vec<FieldError>,
    key: Option<KeyId>,
}

impl Refusal {
    /// The error behind it.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// When to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Says when to try again; without it a 429 or 503 says one second.
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// Says which limit was reached.
    pub fn with_limit(self, limit: ReachedLimit) -> Self {
        Self { limit: Some(Box::new(limit)), ..self }
    }

    /// Which limit was reached, if it is one.
    pub fn limit(&self) -> Option<&ReachedLimit> {
        self.limit.as_deref()
    }

    /// Says which members of the input are wrong.
    pub fn with_fields(self, fields: Vec<FieldError>) -> Self {
        Self { fields, ..self }
    }

    /// Says whose request it was, once that is proven: what is counted for a key, nobody else may bring about.
    pub fn about(self, key: KeyId) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The key whose request it was, if that was proven.
    pub fn key(&self) -> Option<KeyId> {
        self.key
    }

    /// The response: `application/problem+json`, `no-store`, and the headers that its status asks for.
    pub fn to_response<B: From<String>>(&self, request_id: &RequestId, clock: &dyn Clock) -> Response<B> {
        // Whole milliseconds: what a browser's own clock has.
        let server_time = (clock.since_epoch().as_secs_f64() * 1000.0).floor() / 1000.0;
        let problem =
            Problem::new(&self.error, request_id.as_str().to_owned(), server_time).with_fields(self.fields.clone());
        let mut response = Response::new(B::from(problem.to_json()));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // For whoever logs the response.
        response.extensions_mut().insert(self.error.code());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::CONTENT_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(challenge) = problem.challenge().and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.error.code().is_retryable() {
            // Rounded up: a client that obeys must not come too early.
            let wait = self.retry_after.unwrap_or(Duration::from_secs(1)).as_millis().div_ceil(1000).max(1);
            headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(wait).unwrap_or(u64::MAX)));
            if let Some(ReachedLimit { policy, quota, window }) = self.limit.as_deref() {
                state_limit(headers, policy, *quota, *window, 0, u64::try_from(wait).unwrap_or(u64::MAX));
            }
        }
        response
    }
}

/// Says how a limit stands: `remaining` requests for another `reset` seconds.
pub(crate) fn state_limit(
    headers: &mut HeaderMap,
    policy: &str,
    quota: u64,
    window: Duration,
    remaining: u64,
    reset: u64,
) {
    let fields = [
        (RATE_LIMIT_POLICY, format!("\"{policy}\";q={quota};w={}", window.as_secs())),
        (RATE_LIMIT, format!("\"{policy}\";r={remaining};t={reset}")),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None, limit: None, fields: Vec::new(), key: None }
    }
}
