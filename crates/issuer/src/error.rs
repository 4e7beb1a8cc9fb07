//! One error type for everything that the issuer refuses or cannot do.

use std::fmt;
use std::time::Duration;

use doorkey_core::{ErrorCode, FieldError};
use doorkey_verifier::Refusal;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the issuer refused or failed: a stable [`ErrorCode`], a sentence, the members that are wrong and the cause.
///
/// The sentence and the members never hold a secret. The cause, which [`source`](std::error::Error::source) returns, is
/// for the operator's log and no caller sees it.
#[derive(Debug)]
pub struct Error {
    /// What HTTP says, but for the members. Boxed, so that a `Result` stays small.
    refusal: Box<Refusal>,
    fields: Vec<FieldError>,
    source: Option<Source>,
}

impl Error {
    /// A refusal with its code and a lower-case sentence.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        doorkey_core::Error::new(code, detail).into()
    }

    /// [`ErrorCode::InvalidInput`] because of one member.
    pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// [`ErrorCode::InvalidInput`] because of several members, of which there is at least one.
    pub(crate) fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let all: Vec<_> = fields.iter().map(|wrong| format!("{}: {}", wrong.field, wrong.detail)).collect();
        Self { fields, ..Self::new(ErrorCode::InvalidInput, all.join("; ")) }
    }

    /// [`ErrorCode::StoreUnavailable`] because of `source`.
    pub(crate) fn store(source: impl Into<Source>) -> Self {
        Self::new(ErrorCode::StoreUnavailable, "the store does not answer").with_source(source)
    }

    pub(crate) fn with_source(self, source: impl Into<Source>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Says when to try again; without it a 429 or 503 says one second.
    pub(crate) fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { refusal: Box::new(self.refusal.with_retry_after(retry_after)), ..self }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.refusal.error().code()
    }

    /// The members of the input that are wrong, for [`ErrorCode::InvalidInput`].
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// The same for serde, which knows itself which member is read.
    pub(crate) fn of_member<E: serde::de::Error>(&self) -> E {
        match &*self.fields {
            [only] => E::custom(&only.detail),
            _ => E::custom(self),
        }
    }

    /// What goes over HTTP: everything but the cause.
    pub(crate) fn to_refusal(&self) -> Refusal {
        Refusal::clone(&self.refusal).with_fields(self.fields.clone())
    }
}

impl From<doorkey_core::Error> for Error {
    fn from(error: doorkey_core::Error) -> Self {
        Refusal::from(error).into()
    }
}

/// For refusals of limits, which name no members.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), fields: Vec::new(), source: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.error().fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::ErrorCode;
    use doorkey_verifier::{ReachedLimit, Refusal, RequestId, SystemClock, SystemEntropy};

    use super::Error;

    #[test]
    fn an_error_says_when_to_come_back() {
        let limit = ReachedLimit { policy: "member", quota: 5, window: Duration::from_mins(1) };
        let refusal = doorkey_core::Error::new(ErrorCode::RateLimited, "too many tries");
        let error = Error::from(Refusal::from(refusal).with_limit(limit)).with_retry_after(Duration::from_millis(2500));
        let response = error.to_refusal().to_response::<String>(&RequestId::new(&SystemEntropy), &SystemClock);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["ratelimit"], "\"member\";r=0;t=3");
    }
}
