//! Revisions of what can change: `ETag` in responses, `If-Match` in requests (RFC 9110, section 13.1.1).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponseParts, ResponseParts};
use doorkey_core::ErrorCode;
use http::HeaderValue;
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;

use crate::error::Error;

/// The revision of what a response shows, as its strong `ETag`: `"7"`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ETag(pub(super) u64);

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(ETAG, tag);
        }
        Ok(response)
    }
}

/// The revisions that a change is meant for. A request without `If-Match` means any.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// No header, or `*`.
    Any,
    /// These alone. Weak tags and those that we never gave match nothing, so they are not among them.
    Revisions(Vec<u64>),
}

impl IfMatch {
    /// Fails with `precondition_failed` if what is there has another revision.
    pub(super) fn check(&self, revision: u64) -> Result<(), Error> {
        match self {
            Self::Revisions(wanted) if !wanted.contains(&revision) => {
                Err(Error::new(ErrorCode::PreconditionFailed, "this has been changed since"))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let malformed = || Error::new(ErrorCode::MalformedRequest, "If-Match is * or a list of quoted tags");
        let mut lines = parts.headers.get_all(IF_MATCH).iter().peekable();
        if lines.peek().is_none() {
            return Ok(Self::Any);
        }
        let mut all = Vec::new();
        for line in lines {
            all.push(line.to_str().map_err(|_| malformed())?);
        }
        let all = all.join(",");
        if all.trim() == "*" {
            return Ok(Self::Any);
        }
        tags(&all).map(Self::Revisions).ok_or_else(malformed)
    }
}

/// The revisions in a list of entity tags; `None` if it is no such list. A tag may hold commas.
fn tags(list: &str) -> Option<Vec<u64>> {
    let mut revisions = Vec::new();
    let mut rest = list.trim_matches([' ', '\t', ',']);
    loop {
        let (is_weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (tag, behind) = tag.strip_prefix('"')?.split_once('"')?;
        if let Some(revision) = revision(tag).filter(|_| !is_weak) {
            revisions.push(revision);
        }
        let behind = behind.trim_start();
        if behind.is_empty() {
            return Some(revisions);
        }
        rest = behind.strip_prefix(',')?.trim_start_matches([' ', '\t', ',']);
    }
}

/// A revision in the one spelling that we write.
fn revision(tag: &str) -> Option<u64> {
    tag.parse().ok().filter(|revision: &u64| revision.to_string() == tag)
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequestParts, Request};
    use axum::response::IntoResponse;

    use super::{ETag, IfMatch};

    async fn read(lines: &[&str]) -> Result<IfMatch, crate::Error> {
        let mut request = Request::get("/");
        for line in lines {
            request = request.header("If-Match", *line);
        }
        IfMatch::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
    }

    #[tokio::test]
    async fn a_change_is_made_to_what_it_was_meant_for() {
        for (lines, matches) in [
            (&[][..], true),
            (&["*"], true),
            (&["\"7\""], true),
            (&["\"6\", \"7\""], true),
            (&["\"a,b\" ,\"7\""], true),
            (&["\"6\"", "\"7\""], true),
            (&["\"6\""], false),
            (&["W/\"7\""], false),
            (&["\"07\""], false),
            (&["\"+7\""], false),
            (&["\"\""], false),
            (&["\"a\""], false),
            (&["\"a,\"", "W/\"7\""], false),
        ] {
            let checked = read(lines).await.unwrap().check(7);
            assert_eq!(checked.is_ok(), matches, "{lines:?}");
            if let Err(error) = checked {
                assert_eq!(error.code().as_str(), "precondition_failed");
            }
        }
        for malformed in ["7", "", "\"7", "\"7\" \"8\"", "w/\"7\"", "*, \"7\"", "\"7\", x"] {
            assert_eq!(read(&[malformed]).await.unwrap_err().code().as_str(), "malformed_request", "{malformed}");
        }
    }

    #[test]
    fn a_response_tells_its_revision() {
        assert_eq!((ETag(7), "text").into_response().headers()["etag"], "\"7\"");
    }
}
