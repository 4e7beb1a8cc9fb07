//! What a grant narrows a session to: one method, one path, one body, or a size.

use alloc::string::String;

use crate::digest::ContentDigest;
use crate::error::{Error, ErrorCode};
use crate::json::present;
use crate::target::RequestTarget;

/// The most bytes that a bound method may have.
const MAX_METHOD_LEN: usize = 32;
/// The most bytes that a bound path may have.
const MAX_PATH_LEN: usize = 1024;

/// The requests that a session is for, beyond its scopes; what is left out is not bound, and something is bound.
///
/// As JSON, an object with one to four of the members `method`, `path`, `content_digest` (as in the header field,
/// RFC 9530) and `max_bytes`.
///
/// ```
/// use doorkey_core::{Bind, ErrorCode};
///
/// let bind = Bind::new(Some("PUT".into()), Some("/pictures/1".into()), None, Some(1_000_000))?;
/// bind.check("PUT", "/pictures/1", None)?;
/// assert_eq!(bind.check("PUT", "/pictures/2", None).unwrap_err().code(), ErrorCode::InsufficientScope);
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Members")]
pub struct Bind {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_digest: Option<ContentDigest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default, deserialize_with = "present")]
    method: Option<String>,
    #[serde(default, deserialize_with = "present")]
    path: Option<String>,
    #[serde(default, deserialize_with = "present")]
    content_digest: Option<ContentDigest>,
    #[serde(default, deserialize_with = "present")]
    max_bytes: Option<u64>,
}

impl TryFrom<Members> for Bind {
    type Error = Error;

    fn try_from(members: Members) -> Result<Self, Error> {
        Self::new(members.method, members.path, members.content_digest, members.max_bytes)
    }
}

impl Bind {
    /// Binds to what is given: a method in upper case (32 bytes at most), a path without a query (1024 bytes at most),
    /// the digest of a body, the most bytes that a body may have.
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for a method or path that no request has, and if nothing is given.
    pub fn new(
        method: Option<String>,
        path: Option<String>,
        content_digest: Option<ContentDigest>,
        max_bytes: Option<u64>,
    ) -> Result<Self, Error> {
        let invalid = |detail| Err(Error::new(ErrorCode::InvalidInput, detail));
        if !method.as_deref().is_none_or(is_method) {
            return invalid("a bound method has 1 to 32 characters of A-Z, 0-9, hyphen and underscore");
        }
        if !path.as_deref().is_none_or(is_path) {
            return invalid("a bound path is absolute, without a query, and has at most 1024 bytes");
        }
        let bind = Self { method, path, content_digest, max_bytes };
        if bind == (Self { method: None, path: None, content_digest: None, max_bytes: None }) {
            return invalid("a bind names a method, a path, a digest or a size");
        }
        Ok(bind)
    }

    /// Checks a request against all that is bound, but for the number of bytes, which only shows as they arrive.
    ///
    /// `path` is the raw path and `digest` that of the body, if there is one. Fails with
    /// [`ErrorCode::InsufficientScope`] for another method or path, with [`ErrorCode::DigestMismatch`] for another body
    /// or none, and with [`ErrorCode::BodyTooLarge`] for any body where none may be.
    pub fn check(&self, method: &str, path: &str, digest: Option<&ContentDigest>) -> Result<(), Error> {
        let differs = |bound: &Option<String>, sent: &str| bound.as_deref().is_some_and(|bound| bound != sent);
        if differs(&self.method, method) || differs(&self.path, path) {
            return Err(Error::new(ErrorCode::InsufficientScope, "the grant is bound to another request"));
        }
        if self.content_digest.is_some() && self.content_digest.as_ref() != digest {
            return Err(Error::new(ErrorCode::DigestMismatch, "the grant is bound to another body"));
        }
        if self.max_bytes == Some(0) && digest.is_some() {
            return Err(Error::new(ErrorCode::BodyTooLarge, "the grant is for requests without a body"));
        }
        Ok(())
    }

    /// The most bytes that a body may have; 0 means no body.
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// The one method.
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The one path.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The digest of the one body.
    pub fn content_digest(&self) -> Option<&ContentDigest> {
        self.content_digest.as_ref()
    }
}

fn is_method(method: &str) -> bool {
    (1..=MAX_METHOD_LEN).contains(&method.len())
        && method.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_'))
}

fn is_path(path: &str) -> bool {
    path.len() <= MAX_PATH_LEN && RequestTarget::parse(path).is_ok_and(|target| target.query().is_none())
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::{Bind, MAX_METHOD_LEN, MAX_PATH_LEN};
    use crate::digest::ContentDigest;
    use crate::error::ErrorCode;
    use crate::json::parse_strict;

    fn code(json: &str, method: &str, path: &str, body: Option<&[u8]>) -> Option<ErrorCode> {
        let bind: Bind = parse_strict(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(serde_json::to_string(&bind).unwrap(), json);
        bind.check(method, path, body.map(ContentDigest::of).as_ref()).err().map(|error| error.code())
    }

    #[test]
    fn all_that_is_bound_is_checked_and_nothing_else() {
        let digest = ContentDigest::of(b"x").to_header();
        let all = alloc::format!(r#"{{"method":"PUT","path":"/p","content_digest":"{digest}","max_bytes":1}}"#);
        assert_eq!(code(&all, "PUT", "/p", Some(b"x")), None);
        assert_eq!(code(&all, "POST", "/p", Some(b"x")), Some(ErrorCode::InsufficientScope));
        assert_eq!(code(&all, "put", "/p", Some(b"x")), Some(ErrorCode::InsufficientScope));
        assert_eq!(code(&all, "PUT", "/p/", Some(b"x")), Some(ErrorCode::InsufficientScope));
        assert_eq!(code(&all, "PUT", "/p", Some(b"y")), Some(ErrorCode::DigestMismatch));
        assert_eq!(code(&all, "PUT", "/p", None), Some(ErrorCode::DigestMismatch));
        assert_eq!(code(r#"{"method":"PUT"}"#, "PUT", "/any", Some(b"y")), None);
        assert_eq!(code(r#"{"path":"/p"}"#, "GET", "/p", None), None);
        assert_eq!(code(r#"{"max_bytes":1}"#, "GET", "/p", Some(b"x")), None);
        assert_eq!(code(r#"{"max_bytes":0}"#, "GET", "/p", None), None);
        assert_eq!(code(r#"{"max_bytes":0}"#, "GET", "/p", Some(b"x")), Some(ErrorCode::BodyTooLarge));
    }

    #[test]
    fn what_binds_nothing_or_no_request_is_no_bind() {
        for refused in [
            "{}",
            "[]",
            r#"{"method":null}"#,
            r#"{"method":"PUT","path":null}"#,
            r#"{"method":"put"}"#,
            r#"{"method":""}"#,
            r#"{"method":"P T"}"#,
            r#"{"path":""}"#,
            r#"{"path":"p"}"#,
            r#"{"path":"/p?a"}"#,
            r#"{"path":"/p?"}"#,
            r#"{"path":"/p#a"}"#,
            r#"{"path":"/a/../b"}"#,
            r#"{"path":"https://a.example/p"}"#,
            r#"{"content_digest":"sha-512=:AA==:"}"#,
            r#"{"content_digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}"#,
            r#"{"max_bytes":-1}"#,
            r#"{"max_bytes":1.0}"#,
            r#"{"max_bytes":"1"}"#,
            r#"{"method":"PUT","query":"a"}"#,
            r#"{"method":"PUT","method":"PUT"}"#,
        ] {
            assert!(parse_strict::<Bind>(refused.as_bytes()).is_err(), "{refused}");
        }
        let method = |length| Bind::new(Some("A".repeat(length)), None, None, None).is_ok();
        assert!(method(MAX_METHOD_LEN) && !method(MAX_METHOD_LEN + 1));
        let path =
            |length: usize| Bind::new(None, Some(String::from("/") + &"a".repeat(length - 1)), None, None).is_ok();
        assert!(path(MAX_PATH_LEN) && !path(MAX_PATH_LEN + 1));
        let error = Bind::new(None, None, None, None).unwrap_err();
        assert_eq!(error.code().to_string(), "invalid_input");
    }
}
