//! Who signs a proof: the three forms of `keyid`.

use alloc::string::{String, ToString};
use core::fmt;

use crate::encoding::to_base64url;
use crate::id::{KeyId, VerifierId};
use crate::jwk::Thumbprint;
use crate::key::VerifyingKey;

/// The signer that a proof names; its text is the parameter `keyid`.
///
/// ```
/// use doorkey_core::{KeyId, ProofKey};
///
/// let key = ProofKey::Secret(KeyId::from_parts(1_700_000_000_000, [7; 10]));
/// assert!(key.to_string().starts_with("key_"));
/// assert_eq!(key.jkt(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofKey {
    /// A session's raw public key, 43 characters of base64url; not yet known to be a key.
    Session([u8; VerifyingKey::LEN]),
    /// A secret key, by its id: `key_…`.
    Secret(KeyId),
    /// A verifier, by its id: `ver_…`.
    Verifier(VerifierId),
}

impl ProofKey {
    /// The thumbprint of a session's key, which must equal the token's `jkt`; `None` for the other forms.
    pub fn jkt(&self) -> Option<Thumbprint> {
        match self {
            Self::Session(key) => Some(Thumbprint::of_bytes(key)),
            Self::Secret(_) | Self::Verifier(_) => None,
        }
    }

    /// Whether a session's key signs, which makes a token and its `Authorization` part of the request.
    #[inline]
    pub fn is_session(&self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// Reads a `keyid`. The length tells the forms apart: a public key, too, may begin with `key_`.
    #[cfg(feature = "verify")]
    pub(super) fn parse(keyid: &str) -> Option<Self> {
        crate::encoding::parse_base64url_array(keyid)
            .map(Self::Session)
            .or_else(|| keyid.parse().ok().map(Self::Secret))
            .or_else(|| keyid.parse().ok().map(Self::Verifier))
    }

    // Inlined: a page signs for sessions alone, and need not download how an id is written.
    #[inline]
    pub(super) fn to_keyid(self) -> String {
        match self {
            Self::Session(key) => to_base64url(&key),
            Self::Secret(id) => id.to_string(),
            Self::Verifier(id) => id.to_string(),
        }
    }
}

impl From<&VerifyingKey> for ProofKey {
    #[inline]
    fn from(key: &VerifyingKey) -> Self {
        Self::Session(*key.as_bytes())
    }
}

impl fmt::Display for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_keyid())
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(all(test, feature = "verify"))]
mod tests {
    use alloc::string::ToString;

    use super::ProofKey;
    use crate::id::{KeyId, VerifierId};

    #[test]
    fn each_form_has_one_spelling() {
        let id = [0x5a; 16];
        for key in [
            ProofKey::Session([0; 32]),
            // The text of this key begins with `key_`.
            ProofKey::parse(&alloc::format!("key_{}", "A".repeat(39))).unwrap(),
            ProofKey::Secret(KeyId::from_bytes(id)),
            ProofKey::Verifier(VerifierId::from_bytes(id)),
        ] {
            assert_eq!(ProofKey::parse(&key.to_string()), Some(key));
            assert_eq!(alloc::format!("{key:?}"), key.to_string());
            assert_eq!(key.jkt().is_some(), key.is_session());
        }
        let key = KeyId::from_bytes(id).to_string();
        for refused in [
            "",
            "key_",
            &key[4..],
            &key[..29],
            &key.to_uppercase(),
            &key.replace("key_", "org_"),
            &key.replacen("key_", "key_8", 1),
            &alloc::format!("{key}0"),
            &alloc::format!("{}B", "A".repeat(42)),
            &alloc::format!("{}=", "A".repeat(43)),
        ] {
            assert_eq!(ProofKey::parse(refused), None, "{refused}");
        }
    }
}
