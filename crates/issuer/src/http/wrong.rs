//! What serde says about wrong input, told as a member and a sentence.

use std::fmt::Write;

use doorkey_core::FieldError;
use serde_path_to_error::{Path, Segment};

use crate::error::Error;

/// The longest name of an unknown member that is told back. A secret key is longer.
const MAX_TOLD: usize = 40;

/// [`InvalidInput`](doorkey_core::ErrorCode::InvalidInput) for the member at `path`, of which serde says `message`.
///
/// The value itself is left out: it may be a secret in the wrong place, and what a caller wrote is not ours to repeat.
pub(super) fn wrong_member(path: &Path, message: &str) -> Error {
    let mut field = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(field, "[{index}]");
            }
            Segment::Map { key } => append(&mut field, key),
            // The member that holds it is enough.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // The path of an unknown member ends in its name, that of a missing one in the object's.
    let detail = if let Some(name) = quoted(message, "missing field `") {
        append(&mut field, name);
        "this is missing".to_owned()
    } else if message.starts_with("unknown field `") {
        "this is not known here".to_owned()
    } else {
        expectation(message)
    };
    let field = if field.is_empty() { ".".to_owned() } else { field };
    Error::invalid_fields(vec![FieldError { field, detail }])
}

/// What stands behind `opening`, up to the last backtick.
fn quoted<'a>(message: &'a str, opening: &str) -> Option<&'a str> {
    message.strip_prefix(opening)?.strip_suffix('`')
}

/// Adds a name to a path; `?` for one that is nobody's idea of a name, and may be a secret.
fn append(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(if is_plain(name) { name } else { "?" });
}

fn is_plain(name: &str) -> bool {
    (1..=MAX_TOLD).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The message without the value, and without the names of our own types.
fn expectation(message: &str) -> String {
    let standard = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `"];
    if !standard.iter().any(|start| message.starts_with(start)) {
        return match message {
            "invalid digit found in string" | "cannot parse integer from empty string" => {
                "expected a whole number".into()
            }
            "number too large to fit in target type" => "the number is too large".into(),
            "unsupported value" => "this stands more than once".into(),
            _ if message.starts_with("data did not match any variant") => {
                "this has none of the forms that it may have".into()
            }
            // One of our own parsers: its sentences hold no input.
            _ => message.to_owned(),
        };
    }
    match message.rsplit_once(", expected ").map(|(_, expected)| expected) {
        Some("u8" | "u16" | "u32" | "u64" | "usize") => "expected a whole number, not below zero".into(),
        Some("i8" | "i16" | "i32" | "i64") => "expected a whole number".into(),
        Some("a nonzero u32" | "a nonzero u64") => "expected a whole number above zero".into(),
        Some("a sequence") => "expected a list".into(),
        Some("a map") => "expected an object".into(),
        Some(expected) if expected.starts_with("struct ") => "expected an object".into(),
        Some(expected) => format!("expected {expected}"),
        None => "this value is not possible here".into(),
    }
}
