//! Compact JWS (RFC 7515, section 7.1) with Ed25519 signatures: the shell of tokens and mints.

use alloc::string::String;
use alloc::vec::Vec;

use crate::encoding::{parse_base64url, parse_base64url_array, to_base64url};
use crate::error::Error;
use crate::key::{Signature, SigningKey, VerifyingKey};

/// The three parts of a compact JWS, decoded; nothing is verified yet.
pub(crate) struct Compact<'a> {
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    signing_input: &'a str,
    signature: Signature,
}

impl<'a> Compact<'a> {
    /// Splits and decodes; `None` unless there are exactly three parts of canonical base64url with a 64-byte signature.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, payload) = signing_input.split_once('.')?;
        Some(Self {
            header: parse_base64url(header)?,
            payload: parse_base64url(payload)?,
            signing_input,
            signature: Signature::from_bytes(parse_base64url_array(signature)?),
        })
    }

    /// Verifies the signature over header and payload as they were sent.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        key.verify(self.signing_input.as_bytes(), &self.signature)
    }
}

/// What a JWS signature covers.
pub(crate) fn signing_input(header: &[u8], payload: &[u8]) -> String {
    let mut input = to_base64url(header);
    input.push('.');
    input.push_str(&to_base64url(payload));
    input
}

/// Appends a signature to its signing input.
pub(crate) fn assemble(mut signing_input: String, signature: &Signature) -> String {
    signing_input.push('.');
    signing_input.push_str(&to_base64url(signature.as_bytes()));
    signing_input
}

/// Signs header and payload.
pub(crate) fn sign(header: &[u8], payload: &[u8], key: &SigningKey) -> String {
    let input = signing_input(header, payload);
    let signature = key.sign(input.as_bytes());
    assemble(input, &signature)
}
