//! Encryption at rest: what the store holds of the issuer's private keys is worthless without the master key.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use doorkey_core::ErrorCode;
use doorkey_verifier::{Entropy, random};
use zeroize::Zeroizing;

use crate::error::Error;

/// The form of what [`Vault::seal`] returns: this byte, 24 bytes of nonce, the ciphertext with its 16 bytes of tag.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// Seals and opens secrets with the master key (XChaCha20-Poly1305). `Debug` shows nothing.
pub struct Vault(XChaCha20Poly1305);

impl Vault {
    /// Bytes of a master key.
    pub const KEY_LEN: usize = 32;

    /// A vault with the given master key, which comes from a cryptographic random source.
    pub fn new(master_key: &[u8; Self::KEY_LEN]) -> Self {
        Self(XChaCha20Poly1305::new(master_key.into()))
    }

    /// Seals `secret` for one purpose and one owner; it opens for the same two alone.
    pub(crate) fn seal(
        &self,
        purpose: &str,
        owner: &[u8],
        secret: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        let nonce = random::<NONCE_LEN>(entropy);
        let payload = Payload { msg: secret, aad: &context(purpose, owner) };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::new(ErrorCode::StoreUnavailable, "a secret cannot be sealed"))?;
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// Opens what was sealed; fails with `invalid_input` for another master key, purpose or owner.
    pub(crate) fn open(&self, purpose: &str, owner: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err(Error::new(ErrorCode::InvalidInput, "a sealed secret is of a version that is not known"));
        };
        let wrong = || {
            Error::new(
                ErrorCode::InvalidInput,
                "the master key is not the one that this store was made with, or the store was changed",
            )
        };
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let payload = Payload { msg: ciphertext, aad: &context(purpose, owner) };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| wrong())
    }
}

/// What is authenticated besides: nobody can move a sealed secret to another row or another use.
fn context(purpose: &str, owner: &[u8]) -> Vec<u8> {
    [b"doorkey/", purpose.as_bytes(), b"/", owner].concat()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

#[cfg(test)]
mod tests {
    use doorkey_verifier::SystemEntropy;

    use super::Vault;

    #[test]
    fn a_secret_opens_with_the_same_key_purpose_and_owner_alone() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("signing-key", b"kid", b"seed", &SystemEntropy).unwrap();
        assert_eq!(&**vault.open("signing-key", b"kid", &sealed).unwrap(), b"seed");
        assert_ne!(sealed, vault.seal("signing-key", b"kid", b"seed", &SystemEntropy).unwrap());

        assert!(Vault::new(&[2; 32]).open("signing-key", b"kid", &sealed).is_err());
        assert!(vault.open("another", b"kid", &sealed).is_err());
        assert!(vault.open("signing-key", b"another", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("signing-key", b"kid", &changed).is_err(), "byte {at}");
            assert!(vault.open("signing-key", b"kid", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}
