//! Encryption at rest: what the store holds of the issuer's private keys is worthless without the master key.

use std::fmt;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use doorkey_core::ErrorCode;
use doorkey_verifier::{Entropy, random};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::Error;

/// The form of what [`Vault::seal`] returns: this byte, 24 bytes of nonce, the ciphertext with its 16 bytes of tag.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// Seals and opens secrets with the master key (XChaCha20-Poly1305), and makes MACs. `Debug` shows nothing.
pub struct Vault {
    cipher: XChaCha20Poly1305,
    mac: Hmac<Sha256>,
}

impl Vault {
    /// Bytes of a master key.
    pub const KEY_LEN: usize = 32;

    /// A vault with the given master key, which comes from a cryptographic random source.
    pub fn new(master_key: &[u8; Self::KEY_LEN]) -> Self {
        let cipher = XChaCha20Poly1305::new(master_key.into());
        let mac = hmac(master_key);
        Self { cipher, mac }
    }

    /// HMAC-SHA-256 over `parts` with a key of the purpose's own. Absent, empty and joined parts all yield different MACs.
    pub(crate) fn mac(&self, purpose: &str, parts: &[Option<&[u8]>]) -> [u8; 32] {
        let own: [u8; 32] = self.mac.clone().chain_update(context(purpose, b"mac")).finalize().into_bytes().into();
        let mut mac = hmac(&Zeroizing::new(own));
        for part in parts {
            match part {
                None => mac.update(&[0]),
                Some(part) => {
                    mac.update(&[1]);
                    mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                    mac.update(part);
                }
            }
        }
        mac.finalize().into_bytes().into()
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
            .cipher
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
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| wrong())
    }
}

/// HMAC with a key of 32 bytes, which it fills up with zeros to a block.
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as KeyInit>::new((&*block).into())
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
