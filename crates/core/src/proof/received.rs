//! A proof as the verifier reads it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::{MAX_PROOF_WINDOW, Nonce, PROOF_TAG, ProofKey, ProofRequest, Window, base, components};
use crate::encoding::to_base64;
use crate::error::{Error, ErrorCode};
use crate::key::{Signature, VerifyingKey};
use crate::signature::{SignatureInput, parse_signature_fields, parse_signature_input_fields};

/// A proof whose form is right; whether its signature is, [`verify`](Self::verify) says.
#[derive(Debug)]
pub struct Proof<'a> {
    input: SignatureInput<'a>,
    signature: Signature,
    window: Window,
    nonce: Nonce,
    key: ProofKey,
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::MalformedSignature, detail)
}

impl<'a> Proof<'a> {
    /// Finds the one proof among a request's signatures and reads it.
    ///
    /// Fails with [`ErrorCode::ProofMissing`] if no signature has the tag, with [`ErrorCode::ComponentsIncomplete`] for
    /// other components than the profile has for this kind of key, and with [`ErrorCode::MalformedSignature`] for anything else that is not
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
        check_parameters(&input)?;

        let time = |name| input.integer(name).and_then(|time| u64::try_from(time).ok());
        let (Some(created), Some(expires)) = (time("created"), time("expires")) else {
            return Err(malformed("created and expires are Unix seconds"));
        };
        let nonce = input
            .string("nonce")
            .and_then(Nonce::parse)
            .ok_or_else(|| malformed("nonce is 24 characters of base64url"))?;
        let keyid = input.string("keyid").unwrap_or_default();
        let key = ProofKey::parse(keyid).ok_or_else(|| {
            malformed("keyid is neither 43 characters of base64url nor the id of a key or a verifier")
        })?;
        check_components(&input, key)?;
        Ok(Self { input, signature, window: Window { created, expires }, nonce, key })
    }

    /// Who says to have signed.
    pub fn key(&self) -> ProofKey {
        self.key
    }

    /// What replay protection compares, together with the key.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// When the proof says it was made, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.window.created
    }

    /// From when on the proof is refused, in Unix seconds, before skew.
    pub fn expires(&self) -> u64 {
        self.window.expires
    }

    /// Whether the proof says that there is a body.
    pub fn covers_body(&self) -> bool {
        self.input.components().len() == components(self.key.is_session(), true).len()
    }

    /// Checks the proof's times against the clock, both in Unix seconds, `skew` seconds either way.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`].
    pub fn check_window(&self, now: u64, skew: u64) -> Result<(), Error> {
        self.window.check(now, skew, MAX_PROOF_WINDOW)
    }

    /// Verifies the signature over `request`, with the key that [`key`](Self::key) names.
    ///
    /// Fails with [`ErrorCode::ComponentsIncomplete`] for a request that lacks what is covered or has an
    /// `Authorization` that is not, and with [`ErrorCode::SignatureInvalid`].
    pub fn verify(&self, key: &VerifyingKey, request: &ProofRequest<'_>) -> Result<(), Error> {
        if request.authorization.is_some() != self.key.is_session() {
            return Err(Error::new(
                ErrorCode::ComponentsIncomplete,
                "authorization is covered if and only if a session's key signs",
            ));
        }
        key.verify(base(&self.input, request)?.as_bytes(), &self.signature)
    }
}

fn check_components(input: &SignatureInput<'_>, key: ProofKey) -> Result<(), Error> {
    let covered = input.components();
    let with_body = components(key.is_session(), true);
    let expected = if covered.len() < with_body.len() { components(key.is_session(), false) } else { with_body };
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

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::Proof;
    use crate::digest::ContentDigest;
    use crate::error::ErrorCode;
    use crate::id::{KeyId, VerifierId};
    use crate::key::SigningKey;
    use crate::proof::{Nonce, ProofBody, ProofKey, ProofRequest, UnsignedProof};
    use crate::target::RequestTarget;

    const NOW: u64 = 1_700_000_000;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    fn signers() -> [ProofKey; 3] {
        let session = ProofKey::from(&key().verifying_key());
        [session, ProofKey::Secret(KeyId::from_bytes([1; 16])), ProofKey::Verifier(VerifierId::from_bytes([1; 16]))]
    }

    fn request<'a>(authorization: Option<&'a str>, digest: Option<&'a str>) -> ProofRequest<'a> {
        ProofRequest {
            method: "POST",
            authority: "api.example.com",
            target: RequestTarget::parse("/pictures").unwrap(),
            authorization,
            body: digest.map(|content_digest| ProofBody { content_type: "text/plain", content_digest }),
        }
    }

    fn sign(request: &ProofRequest<'_>, signer: ProofKey) -> (String, String) {
        let proof = UnsignedProof::new(request, signer, Nonce::new([1; 12], 0), NOW, 60).unwrap();
        (proof.signature_input(), UnsignedProof::signature(&key().sign(proof.base().as_bytes())))
    }

    #[test]
    fn authorization_is_covered_if_and_only_if_a_session_signs() {
        let digest = ContentDigest::of(b"x").to_header();
        for signer in signers() {
            let authorization = signer.is_session().then_some("Doorkey aaa.bbb.ccc");
            for digest in [None, Some(&*digest)] {
                let (input, signature) = sign(&request(authorization, digest), signer);
                let proof = Proof::parse(&input, &signature).unwrap();
                assert_eq!((proof.key(), proof.covers_body()), (signer, digest.is_some()));
                assert_eq!(input.contains("\"authorization\""), signer.is_session());
                proof.verify(&key().verifying_key(), &request(authorization, digest)).unwrap();
                let other = if authorization.is_some() { None } else { Some("Bearer x") };
                let error = proof.verify(&key().verifying_key(), &request(other, digest)).unwrap_err();
                assert_eq!(error.code(), ErrorCode::ComponentsIncomplete);
                let error = UnsignedProof::new(&request(other, digest), signer, Nonce::new([1; 12], 0), NOW, 60);
                assert_eq!(error.unwrap_err().code(), ErrorCode::InvalidInput);
            }
        }
    }

    #[test]
    fn components_of_the_other_form_are_refused() {
        let [session, secret, _] = signers();
        let digest = ContentDigest::of(b"x").to_header();
        for digest in [None, Some(&*digest)] {
            for (signer, authorization, other) in
                [(session, Some("Doorkey aaa.bbb.ccc"), secret), (secret, None, session)]
            {
                let (input, signature) = sign(&request(authorization, digest), signer);
                let bent = input.replace(&alloc::format!("{signer}"), &alloc::format!("{other}"));
                let error = Proof::parse(&bent, &signature).unwrap_err();
                assert_eq!(error.code(), ErrorCode::ComponentsIncomplete, "{bent}");
            }
        }
    }

    #[test]
    fn an_id_in_another_spelling_is_malformed() {
        let [_, secret, _] = signers();
        let (input, signature) = sign(&request(None, None), secret);
        let id = alloc::format!("{secret}");
        for bent in [id.to_uppercase(), id.replace("key_", "pk_"), alloc::format!("{id} "), id[4..].into()] {
            let error = Proof::parse(&input.replace(&id, &bent), &signature).unwrap_err();
            assert_eq!(error.code(), ErrorCode::MalformedSignature, "{bent}");
        }
    }
}
