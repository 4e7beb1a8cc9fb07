//! One error type, one table of codes, one shape on the wire.

mod code;
mod problem;

pub use code::ErrorCode;
pub use problem::{FieldError, Problem};

use alloc::borrow::Cow;
use core::fmt;

/// Why something was refused: a stable [`ErrorCode`], a sentence, and for key strings the place.
///
/// The sentence never holds a secret or bytes that an attacker chose, so it may be shown and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: ErrorCode,
    detail: Cow<'static, str>,
    offset: Option<usize>,
}

impl Error {
    /// An error with its code and a lower-case sentence that says what is wrong.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), offset: None }
    }

    /// Adds the byte offset in the input at which it stopped making sense.
    pub fn with_offset(self, offset: usize) -> Self {
        Self { offset: Some(offset), ..self }
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What is wrong, as a sentence without a full stop.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The byte offset in the parsed input, where there is one.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        match self.offset {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
