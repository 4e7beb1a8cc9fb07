use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Error, ErrorCode};

/// An `application/problem+json` document (RFC 9457), the body of every refusal.
///
/// ```
/// use doorkey_core::{Error, ErrorCode, Problem};
///
/// let error = Error::new(ErrorCode::Replayed, "this nonce was used before");
/// let problem = Problem::new(&error, "req_1".into(), 1_700_000_000.25);
/// assert_eq!(problem.status, 401);
/// assert!(problem.to_json().contains(r#""code":"replayed""#));
/// ```
#[derive(Clone, Debug, serde::Serialize)]
pub struct Problem {
    /// A URI that names the kind of problem: `urn:doorkey:error:<code>`.
    pub r#type: String,
    /// What happened, in a few words; the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this very request.
    pub detail: String,
    /// The stable code.
    pub code: ErrorCode,
    /// What to do about it.
    pub hint: &'static str,
    /// The id under which the server logged the request.
    pub request_id: String,
    /// The server's clock in Unix seconds with milliseconds, so that a client can correct its own.
    pub server_time: f64,
    /// The members that are wrong, for [`ErrorCode::InvalidInput`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
}

/// One member of the input that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The member's name, as the caller wrote it.
    pub field: String,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// The media type of the document.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// Builds the document for an error; `server_time` is in Unix seconds.
    pub fn new(error: &Error, request_id: String, server_time: f64) -> Self {
        let code = error.code();
        Self {
            r#type: String::from("urn:doorkey:error:") + code.as_str(),
            title: code.title(),
            status: code.status(),
            detail: error.to_string(),
            code,
            hint: code.hint(),
            request_id,
            server_time,
            fields: Vec::new(),
        }
    }

    /// Adds the members that are wrong.
    pub fn with_fields(self, fields: Vec<FieldError>) -> Self {
        Self { fields, ..self }
    }

    /// The `WWW-Authenticate` value that goes with a 401.
    pub fn challenge(&self) -> Option<String> {
        (self.status == 401).then(|| alloc::format!("Doorkey error=\"{}\"", self.code))
    }

    /// The document as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
