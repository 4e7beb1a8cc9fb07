//! A proof as the verifier reads it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{COMPONENTS, MAX_PROOF_WINDOW, Nonce, PROOF_TAG, ProofRequest, WITHOUT_BODY, base};
use crate::encoding::{parse_base64url_array, to_base64};
use crate::error::{Error, ErrorCode};
use crate::jwk::Thumbprint;
use crate::key::{Signature, VerifyingKey};
use crate::signature::{SignatureInput, parse_signature_fields, parse_signature_input_fields};

/// A proof whose form is right; whether its signature is, [`verify`](Self::verify) says.
#[derive(Debug)]
pub struct Proof<'a> {
    input: SignatureInput<'a>,
    signature: Signature,
    created: u64,
    expires: u64,
    nonce: Nonce,
    key: [u8; VerifyingKey::LEN],
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::MalformedSignature, detail)
}

impl<'a> Proof<'a> {
    /// Finds the one proof among a request's signatures and reads it.
    ///
    /// Fails with [`ErrorCode::ProofMissing`] if no signature has the tag, with [`ErrorCode::ComponentsIncomplete`] for
    /// other components than the profile's, and with [`ErrorCode::MalformedSignature`] for anything else that is not
    /// to the letter.
    pub fn parse(signature_input: &'a str, signature: &str) -> Result<Self, Error> {
        let inputs = parse_signature_input_fields(signature_input)?;
        let mut tagged = inputs.into_iter().filter(|(_, input)| input.string("tag") == Some(PROOF_TAG));
        let (label, input) =
            tagged.next().ok_or_else(|| Error::new(ErrorCode::ProofMissing, "no signature has the tag doorkey"))?;
        if tagged.next().is_some() {
            return Err(malformed("more than one signature has the tag doorkey"));
        }
        let bytes = parse_signature_fields(signature)?
            .into_iter()
            .find(|(known, _)| *known == label)
            .and_then(|(_, bytes)| <[u8; Signature::LEN]>::try_from(bytes).ok())
            .ok_or_else(|| malformed("no signature of 64 bytes has the label of its input"))?;
        // A structured field may leave out padding or set idle bits; here bytes have one spelling.
        let canonical = to_base64(&bytes) + ":";
        if !signature.ends_with(&*canonical) && !signature.contains(&*canonical) {
            return Err(malformed("the signature is not in canonical base64"));
        }
        let signature = Signature::from_bytes(bytes);
        check_components(&input)?;
        check_parameters(&input)?;

        let time = |name| input.integer(name).and_then(|time| u64::try_from(time).ok());
        let (Some(created), Some(expires)) = (time("created"), time("expires")) else {
            return Err(malformed("created and expires are Unix seconds"));
        };
        let nonce = input
            .string("nonce")
            .and_then(parse_base64url_array)
            .map(Nonce)
            .ok_or_else(|| malformed("nonce is 24 characters of base64url"))?;
        let keyid = input.string("keyid").unwrap_or_default();
        let key = parse_base64url_array(keyid).ok_or_else(|| malformed("keyid is 43 characters of base64url"))?;
        Ok(Self { input, signature, created, expires, nonce, key })
    }

    /// The signer's public key, not yet known to be one.
    pub fn key_bytes(&self) -> &[u8; VerifyingKey::LEN] {
        &self.key
    }

    /// The thumbprint of the signer's key; it must equal the token's `jkt`.
    pub fn jkt(&self) -> Thumbprint {
        Thumbprint::of_bytes(&self.key)
    }

    /// What replay protection compares, together with the key.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// When the proof says it was made, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// From when on the proof is refused, in Unix seconds, before skew.
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// Whether the proof says that there is a body.
    pub fn covers_body(&self) -> bool {
        self.input.components().len() == COMPONENTS.len()
    }

    /// Checks the proof's times against the clock, both in Unix seconds, `skew` seconds either way.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`].
    pub fn check_window(&self, now: u64, skew: u64) -> Result<(), Error> {
        let window = |detail| Err(Error::new(ErrorCode::WindowInvalid, detail));
        match self.expires.checked_sub(self.created) {
            None | Some(0) => return window("the signature expires before it begins"),
            Some(length) if length > MAX_PROOF_WINDOW => {
                return window("the signature is valid for more than 60 seconds");
            }
            Some(_) => {}
        }
        if self.created > now.saturating_add(skew) {
            return window("the signature was created in the future");
        }
        if self.expires.saturating_add(skew) <= now {
            return window("the signature has expired");
        }
        Ok(())
    }

    /// Verifies the signature over `request`. Fails with [`ErrorCode::SignatureInvalid`].
    pub fn verify(&self, key: &VerifyingKey, request: &ProofRequest<'_>) -> Result<(), Error> {
        key.verify(base(&self.input, request)?.as_bytes(), &self.signature)
    }
}

fn check_components(input: &SignatureInput<'_>) -> Result<(), Error> {
    let covered = input.components();
    let expected = if covered.len() == WITHOUT_BODY { &COMPONENTS[..WITHOUT_BODY] } else { &COMPONENTS[..] };
    let same = covered.len() == expected.len()
        && covered
            .iter()
            .zip(expected)
            .all(|(covered, expected)| covered.name == *expected && !covered.is_parameterized);
    if same {
        Ok(())
    } else {
        Err(Error::new(
            ErrorCode::ComponentsIncomplete,
            "the signature does not cover exactly the profile's components",
        ))
    }
}

fn check_parameters(input: &SignatureInput<'_>) -> Result<(), Error> {
    const REQUIRED: [&str; 5] = ["created", "expires", "nonce", "keyid", "tag"];
    let names: Vec<&str> = input.parameters().iter().map(|(name, _)| &**name).collect();
    if names.iter().any(|name| !REQUIRED.contains(name) && *name != "alg") {
        return Err(malformed("the signature has a parameter that is not in the profile"));
    }
    if names.contains(&"alg") && input.string("alg") != Some("ed25519") {
        return Err(malformed("the signature's algorithm is not ed25519"));
    }
    match REQUIRED.iter().find(|name| !names.contains(name)) {
        Some(missing) => {
            Err(Error::new(ErrorCode::MalformedSignature, missing.to_string() + " is missing from the signature"))
        }
        None => Ok(()),
    }
}
