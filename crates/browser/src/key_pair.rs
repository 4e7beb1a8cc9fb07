//! The key pair that a session is bound to.

use doorkey_core::{Error, ErrorCode, Signature, SigningKey, VerifyingKey};

/// Where the private half lives.
#[derive(Debug)]
pub enum KeyPair {
    /// Here: its memory is wiped when it goes.
    Own(SigningKey),
    /// In WebCrypto, which does not hand it out; this is the public half.
    Foreign(VerifyingKey),
}

impl KeyPair {
    /// The public half.
    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::Own(key) => key.verifying_key(),
            Self::Foreign(key) => key.clone(),
        }
    }

    /// Signs with an own key; for a foreign one, takes the signature that was `made` there.
    pub(crate) fn sign(&self, message: &str, made: &[u8]) -> Result<Signature, Error> {
        match self {
            Self::Own(key) => Ok(key.sign(message.as_bytes())),
            Self::Foreign(_) => made
                .try_into()
                .map(Signature::from_bytes)
                .map_err(|_| Error::new(ErrorCode::InvalidInput, "there is no signature of 64 bytes")),
        }
    }
}
