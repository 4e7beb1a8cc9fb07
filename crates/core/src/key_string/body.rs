//! The parts that all kinds of key string share: base58, version and checksum; and the prefix of publishable and secret
//! keys.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Brand, Environment, KeyKind, MAX_KEY_STRING_LEN};
use crate::authority::Authority;
use crate::error::{Error, ErrorCode};
use crate::id::KeyId;

const VERSION: u8 = 1;

/// A key string whose prefix, version and checksum are right; what the body means depends on the kind.
pub(super) struct Raw {
    pub(super) brand: Option<Brand>,
    pub(super) environment: Environment,
    /// What stands between version and checksum.
    pub(super) body: Zeroizing<Vec<u8>>,
}

pub(super) fn malformed(detail: &'static str, offset: usize) -> Error {
    Error::new(ErrorCode::MalformedKey, detail).with_offset(offset)
}

/// Without a place: nobody knows where something is missing.
pub(super) fn wrong_length() -> Error {
    Error::new(ErrorCode::MalformedKey, "the key has the wrong length: characters are missing, or there are too many")
}

pub(super) fn key_id(bytes: &[u8]) -> Result<KeyId, Error> {
    bytes.try_into().map(KeyId::from_bytes).map_err(|_| wrong_length())
}

/// Reads the issuer's `host[:port]` behind the fixed parts of a key.
pub(super) fn issuer(bytes: &[u8]) -> Result<Authority, Error> {
    core::str::from_utf8(bytes)
        .ok()
        .and_then(|issuer| issuer.parse().ok())
        .ok_or_else(|| Error::new(ErrorCode::MalformedKey, "the key names no valid issuer"))
}

/// Prints a key string around `parts`.
pub(super) fn seal(brand: Option<&Brand>, kind: KeyKind, environment: Environment, parts: &[&[u8]]) -> String {
    let mut text = String::with_capacity(MAX_KEY_STRING_LEN);
    if let Some(brand) = brand {
        text.push_str(brand.as_str());
        text.push('_');
    }
    for part in [kind.prefix(), environment.as_str()] {
        text.push_str(part);
        text.push('_');
    }
    seal_behind(&mut text, parts);
    text
}

/// Appends `parts`, with version and checksum, to the prefix that stands in `text`.
pub(super) fn seal_behind(text: &mut String, parts: &[&[u8]]) {
    // As much as the text may have: what grows leaves a copy behind, and the seed may be in it.
    let mut body = Zeroizing::new(Vec::with_capacity(text.capacity()));
    body.push(VERSION);
    for part in parts {
        body.extend_from_slice(part);
    }
    let checksum = checksum(text, &body);
    body.extend_from_slice(&checksum);
    let encoded = Zeroizing::new(bs58::encode(&*body).into_string());
    text.push_str(&encoded);
}

/// Reads a key string of the given kind.
pub(super) fn open(text: &str, kind: KeyKind) -> Result<Raw, Error> {
    if text.len() > MAX_KEY_STRING_LEN {
        return Err(malformed("a key has at most 256 characters", MAX_KEY_STRING_LEN));
    }
    let (prefix_end, brand, environment) = parse_prefix(text, kind)?;
    Ok(Raw { brand, environment, body: open_behind(text, prefix_end)? })
}

/// Reads what stands behind the prefix, up to `prefix_end`: the bytes between version and checksum.
pub(super) fn open_behind(text: &str, prefix_end: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (prefix, encoded) = text.split_at_checked(prefix_end).unwrap_or_default();
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    bs58::decode(encoded).onto(&mut *decoded).map_err(|error| match error {
        bs58::decode::Error::InvalidCharacter { index, .. } | bs58::decode::Error::NonAsciiCharacter { index } => {
            malformed("this character does not occur in keys", prefix_end + index)
        }
        _ => wrong_length(),
    })?;
    let (content, sum) = decoded.split_last_chunk::<4>().ok_or_else(wrong_length)?;
    if checksum(prefix, content) != *sum {
        // Which one it is no checksum can say.
        let detail = "the checksum does not match: a character is wrong, missing or one too many";
        return Err(Error::new(ErrorCode::MalformedKey, detail));
    }
    match content.split_first() {
        Some((&VERSION, body)) => Ok(Zeroizing::new(body.to_vec())),
        _ => Err(malformed("the key is of a version that this software does not know", prefix_end)),
    }
}

/// CRC-32 over the prefix, then the binary body before the checksum.
fn checksum(prefix: &str, content: &[u8]) -> [u8; 4] {
    // Without a table: a key string is short, and tables would be half of what a browser downloads.
    const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = CRC.digest();
    digest.update(prefix.as_bytes());
    digest.update(content);
    digest.finalize().to_be_bytes()
}

/// Reads everything up to the last underscore; the offset behind it, the brand and the environment.
fn parse_prefix(text: &str, kind: KeyKind) -> Result<(usize, Option<Brand>, Environment), Error> {
    let end = text.rfind('_').map_or(0, |at| at + 1);
    let parts: Vec<&str> = text.get(..end.saturating_sub(1)).unwrap_or_default().split('_').collect();
    let (brand, claimed, environment) = match parts[..] {
        [claimed, environment] => (None, claimed, environment),
        [brand, claimed, environment] => (Some(brand), claimed, environment),
        _ => return Err(malformed("a key begins with pk_ or sk_, then live_ or test_", 0)),
    };
    let kind_at = brand.map_or(0, |brand| brand.len() + 1);
    let brand = brand.map(str::parse).transpose().map_err(|error: Error| malformed_brand(&error))?;
    if claimed != kind.prefix() {
        return Err(match KeyKind::of_prefix(claimed) {
            Some(KeyKind::Secret) => {
                Error::new(ErrorCode::WrongKeyKind, "a secret key (sk_) stands where a publishable key (pk_) belongs")
            }
            Some(KeyKind::Publishable) => {
                Error::new(ErrorCode::WrongKeyKind, "a publishable key (pk_) stands where a secret key (sk_) belongs")
            }
            None => malformed("a key begins with pk_ or sk_, or with a brand before that", kind_at),
        });
    }
    let environment =
        environment.parse().map_err(|_| malformed("the environment is neither live nor test", kind_at + 3))?;
    Ok((end, brand, environment))
}

fn malformed_brand(_: &Error) -> Error {
    malformed("a brand has 1 to 16 characters of a-z and 0-9", 0)
}
