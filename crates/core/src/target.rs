//! The request target (RFC 9112, section 3.2.1) and the two components that come from it.

use alloc::borrow::Cow;

use crate::error::{Error, ErrorCode};

/// A raw path and query, exactly as they go over the wire.
///
/// Nothing is decoded or tidied: whatever has two readings is refused instead.
///
/// ```
/// use doorkey_core::RequestTarget;
///
/// let target = RequestTarget::parse("/pictures?limit=10")?;
/// assert_eq!((target.path(), &*target.query_component()), ("/pictures", "?limit=10"));
/// assert_eq!(RequestTarget::parse("/pictures")?.query_component(), "?");
/// assert!(RequestTarget::parse("/a/../b").is_err());
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTarget<'a> {
    raw: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> RequestTarget<'a> {
    /// The most bytes that a request target may have.
    pub const MAX_LEN: usize = 8192;

    /// Reads an origin-form target: an absolute path, and maybe a query.
    ///
    /// Fails with [`ErrorCode::MalformedRequest`] for other forms, dot segments (encoded or not), fragments,
    /// backslashes in the path, spaces, control characters and anything that is not ASCII.
    pub fn parse(raw: &'a str) -> Result<Self, Error> {
        let malformed = |detail| Error::new(ErrorCode::MalformedRequest, detail);
        if raw.len() > Self::MAX_LEN {
            return Err(malformed("the request target has more than 8192 bytes"));
        }
        if !raw.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b'#') {
            return Err(malformed("the request target holds a character that belongs in no target"));
        }
        let target = Self::split(raw);
        let path = target.path;
        // Browsers turn it into a slash, and elsewhere it may be one; behind the question mark it is a character.
        if path.contains('\\') {
            return Err(malformed("the path holds a backslash"));
        }
        let segments = path.strip_prefix('/').ok_or_else(|| malformed("the request target is not an absolute path"))?;
        if segments.split('/').any(is_dot_segment) {
            return Err(malformed("the path holds a dot segment"));
        }
        Ok(target)
    }

    fn split(raw: &'a str) -> Self {
        match raw.split_once('?') {
            Some((path, query)) => Self { raw, path, query: Some(query) },
            None => Self { raw, path: raw, query: None },
        }
    }

    /// Path and query, as they were read.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// The same target without its last `length` bytes, which are part of the query.
    #[cfg(feature = "verify")]
    pub(crate) fn without_last(&self, length: usize) -> Self {
        Self::split(self.raw.get(..self.raw.len() - length).unwrap_or(self.path))
    }

    /// The `@path` component (RFC 9421, section 2.2.6).
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The `@query` component (RFC 9421, section 2.2.7): a question mark, then the query if there is one.
    pub fn query_component(&self) -> Cow<'a, str> {
        match self.query {
            None | Some("") => Cow::Borrowed("?"),
            Some(query) => Cow::Owned(alloc::string::String::from("?") + query),
        }
    }
}

/// `.` and `..` with each dot plain or encoded, the way URL parsers in browsers read them.
fn is_dot_segment(segment: &str) -> bool {
    let mut rest = segment.as_bytes();
    let mut dots = 0;
    loop {
        rest = match rest {
            [] => return dots == 1 || dots == 2,
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return false,
        };
        dots += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::RequestTarget;

    #[test]
    fn a_target_has_one_reading() {
        for accepted in [
            "/",
            "/a/b",
            "/a//b",
            "/a%2Fb",
            "/...",
            "/a.b/.c",
            "/%2e%2e%2e",
            "/p?",
            "/p?a=/../b",
            "/p?q=%27x%27",
            "/*",
            "/a;b=c",
            "/p?q=a\\b",
        ] {
            assert!(RequestTarget::parse(accepted).is_ok(), "{accepted}");
        }
        for refused in [
            "",
            "*",
            "p",
            "?a",
            "http://a.example/p",
            "a.example:443",
            "/a/../b",
            "/a/.",
            "/./a",
            "/%2e%2E/a",
            "/.%2e",
            "/%2e",
            "/a#b",
            "/a?b#c",
            "/a b",
            "/a\\b",
            "/\u{e9}",
            "/a\u{0}",
            "/a\n",
            "/a\u{7f}",
        ] {
            assert!(RequestTarget::parse(refused).is_err(), "{refused}");
        }
        assert!(RequestTarget::parse(&"/".repeat(8192)).is_ok());
        assert!(RequestTarget::parse(&"/".repeat(8193)).is_err());
    }

    #[test]
    fn an_empty_query_is_a_question_mark() {
        for (raw, query) in [("/p", "?"), ("/p?", "?"), ("/p?a=b", "?a=b"), ("/p??", "??")] {
            assert_eq!(RequestTarget::parse(raw).unwrap().query_component(), query);
        }
    }
}
