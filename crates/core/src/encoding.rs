//! Base64 as the protocol uses it: canonical, or refused.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};

/// Encodes as base64url without padding (RFC 4648, section 5).
pub fn to_base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes canonical base64url without padding; padding, other alphabets and stray trailing bits yield `None`.
pub fn parse_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// Decodes canonical base64url of exactly `N` bytes.
pub fn parse_base64url_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len() == N).then_some(bytes)
}

/// Encodes as base64 with padding, the form of a structured-field byte sequence (RFC 9651).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Decodes canonical base64 with padding (RFC 4648, section 4).
pub fn parse_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Decodes canonical base64 with padding of exactly `N` bytes.
pub(crate) fn parse_base64_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (Base64::decode(text, &mut bytes).ok()?.len() == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{parse_base64_array, parse_base64url, parse_base64url_array};

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(parse_base64url("Zg").as_deref(), Some(&b"f"[..]));
        for refused in ["Zg==", "Zh", "Z", "Z+", "Zg ", "Z\u{e9}"] {
            assert_eq!(parse_base64url(refused), None, "{refused}");
        }
        assert_eq!(parse_base64url_array::<2>("Zg"), None);
        assert_eq!(parse_base64url_array::<0>("Zg"), None);
        assert_eq!(parse_base64_array::<1>("Zg=="), Some(*b"f"));
        assert_eq!(parse_base64_array::<1>("Zh=="), None);
        assert_eq!(parse_base64_array::<1>("Zg"), None);
    }
}
