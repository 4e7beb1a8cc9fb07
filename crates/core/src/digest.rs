//! SHA-256 and the `Content-Digest` field (RFC 9530).

use alloc::borrow::Cow;
use alloc::string::String;

use sha2::Digest as _;
use subtle::ConstantTimeEq;

use crate::encoding::{parse_base64_array, to_base64};
use crate::error::{Error, ErrorCode};

/// SHA-256 of `bytes` in one go.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

/// The digest of a request's body, as `Content-Digest: sha-256=:…:` states it.
///
/// ```
/// use doorkey_core::ContentDigest;
///
/// let digest = ContentDigest::of(br#"{"hello": "world"}"#);
/// assert_eq!(digest.to_header(), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
/// assert_eq!(ContentDigest::parse(&digest.to_header())?, digest);
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// Hashes a whole body.
    pub fn of(body: &[u8]) -> Self {
        Self(sha256(body))
    }

    /// Takes a SHA-256 that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The SHA-256 itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the field's value: one `sha-256` and nothing else.
    pub fn parse(value: &str) -> Result<Self, Error> {
        value
            .strip_prefix("sha-256=:")
            .and_then(|rest| rest.strip_suffix(':'))
            .and_then(parse_base64_array)
            .map(Self)
            .ok_or_else(|| {
                Error::new(ErrorCode::MalformedSignature, "content-digest is not exactly one sha-256 byte sequence")
            })
    }

    /// The field's value.
    pub fn to_header(&self) -> String {
        let mut value = String::with_capacity(54);
        value.push_str("sha-256=:");
        value.push_str(&to_base64(&self.0));
        value.push(':');
        value
    }
}

impl PartialEq for ContentDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl serde::Serialize for ContentDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_header())
    }
}

impl<'de> serde::Deserialize<'de> for ContentDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&<Cow<'de, str>>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Hashes a body piece by piece.
#[derive(Clone, Default)]
pub struct ContentHasher(sha2::Sha256);

impl ContentHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> ContentDigest {
        ContentDigest(self.0.finalize().into())
    }
}

impl core::fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ContentHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentDigest, ContentHasher};

    #[test]
    fn digests_agree_with_rfc_9530() {
        for (body, encoded) in [
            ("{\"hello\": \"world\"}", "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
            ("{\"hello\": \"world\"}\n", "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="),
            ("", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ] {
            let digest = ContentDigest::of(body.as_bytes());
            assert_eq!(digest.to_header(), alloc::format!("sha-256=:{encoded}:"));
            let mut hasher = ContentHasher::new();
            body.as_bytes().chunks(3).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), digest);
        }
    }
}
