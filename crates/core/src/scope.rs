//! Scopes: `resource:action`, one permission each, and `resource:action/name` for one named resource.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::error::{Error, ErrorCode};

/// One permission, on all resources of its type or, with a name behind a slash, on one.
///
/// ```
/// use doorkey_core::Scope;
///
/// let all: Scope = "pictures:read".parse()?;
/// let one: Scope = "pictures:read/holidays".parse()?;
/// assert!(all.covers(&one) && !one.covers(&all));
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    text: String,
    /// Where the slash before the resource's name stands, if there is one.
    slash: Option<usize>,
}

impl Scope {
    /// The most bytes that a scope may have.
    pub const MAX_LEN: usize = 256;

    /// The text, as it stands in a token.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `resource:action` without the name of a resource.
    pub fn permission(&self) -> &str {
        &self.text[..self.slash.unwrap_or(self.text.len())]
    }

    /// The one resource that the scope is narrowed to.
    pub fn resource_name(&self) -> Option<&str> {
        self.slash.map(|slash| &self.text[slash + 1..])
    }

    /// Whether whoever has this scope may do what `other` stands for.
    pub fn covers(&self, other: &Self) -> bool {
        self.permission() == other.permission() && (self.slash.is_none() || self.text == other.text)
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |detail| Error::new(ErrorCode::InvalidInput, detail);
        if text.len() > Self::MAX_LEN {
            return Err(invalid("a scope has at most 256 characters"));
        }
        let (permission, name) = match text.split_once('/') {
            Some((permission, name)) => (permission, Some(name)),
            None => (text, None),
        };
        let (resource, action) =
            permission.split_once(':').ok_or_else(|| invalid("a scope has the form resource:action"))?;
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
        };
        if !is_word(resource) || !is_word(action) {
            return Err(invalid(
                "resource and action begin with a-z and hold only a-z, 0-9, underscore, hyphen and dot",
            ));
        }
        // RFC 6749's scope-token: visible ASCII without the quote and the backslash.
        if let Some(name) = name
            && (name.is_empty() || !name.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)))
        {
            return Err(invalid("a resource's name is visible ASCII without quotes and backslashes"));
        }
        Ok(Self { text: text.into(), slash: name.map(|_| permission.len()) })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a key or a session may do: scopes without duplicates, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// A set that permits nothing.
    pub const fn empty() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether some scope in the set covers `needed`.
    pub fn permits(&self, needed: &Scope) -> bool {
        self.0.contains(needed) || self.0.iter().any(|scope| scope.covers(needed))
    }

    /// Refuses with [`ErrorCode::InsufficientScope`] unless some scope in the set covers `needed`.
    pub fn require(&self, needed: &Scope) -> Result<(), Error> {
        if self.permits(needed) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::InsufficientScope, alloc::format!("this call needs the scope {needed}")))
    }

    /// Whether every scope of this set is covered by `other`: a key that never exceeds its creator.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| other.permits(scope))
    }

    /// The scopes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether nothing is permitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl FromStr for ScopeSet {
    type Err = Error;

    /// Reads the `scope` claim (RFC 8693): scopes with single spaces between them, or nothing.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() { Ok(Self::empty()) } else { text.split(' ').map(str::parse).collect() }
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl serde::Serialize for ScopeSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ScopeSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Scope, ScopeSet};

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    #[test]
    fn only_scopes_are_read() {
        for accepted in ["a:b", "pictures:read", "x-1:y_2.z", "a:b/c", "a:b/c/d:e"] {
            assert_eq!(accepted.parse::<Scope>().unwrap().as_str(), accepted);
        }
        let long = alloc::format!("a:{}", "b".repeat(256));
        for refused in [
            "",
            "a",
            "a:",
            ":b",
            "A:b",
            "a:B",
            "a:b:c",
            "a:b/",
            "a:b/c d",
            "a:b/\"",
            "a:b/\\",
            "a:b/\u{e9}",
            "*",
            "a:*",
            "1:a",
            &long,
        ] {
            assert!(refused.parse::<Scope>().is_err(), "{refused}");
        }
        assert!("a:b  c:d".parse::<ScopeSet>().is_err());
        assert_eq!(set("c:d a:b a:b").to_string(), "a:b c:d");
    }

    #[test]
    fn a_set_permits_what_it_covers() {
        let scopes = set("pictures:read/holidays pictures:write");
        for (needed, permitted) in [
            ("pictures:write", true),
            ("pictures:write/any", true),
            ("pictures:read/holidays", true),
            ("pictures:read/holidays2", false),
            ("pictures:read", false),
            ("pictures:delete", false),
        ] {
            assert_eq!(scopes.permits(&needed.parse().unwrap()), permitted, "{needed}");
        }
        assert!(set("pictures:write/a").is_within(&scopes) && set("").is_within(&scopes));
        assert!(!set("pictures:read").is_within(&scopes));
    }
}
