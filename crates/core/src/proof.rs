//! The proof: a strict profile of RFC 9421 that says everything a request means, and nothing else.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::encoding::{parse_base64url_array, to_base64url};
use crate::error::{Error, ErrorCode};
use crate::jwk::Thumbprint;
use crate::key::{Signature, VerifyingKey};
use crate::signature::{SignatureInput, parse_signature_fields, parse_signature_input_fields};
use crate::target::RequestTarget;

/// By this tag the signature is found among others.
pub const PROOF_TAG: &str = "doorkey";
/// The label that the SDK uses; verifiers do not look at it.
pub const PROOF_LABEL: &str = "dk";
/// The longest that a proof may be valid, in seconds.
pub const MAX_PROOF_WINDOW: u64 = 60;
/// The authentication scheme before a session token.
pub const AUTHORIZATION_SCHEME: &str = "Doorkey";
/// The type that a body without a type is sent and signed as.
pub const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// What every proof covers, in this order; the last two if and only if there is a body.
const COMPONENTS: [&str; 7] =
    ["@method", "@authority", "@path", "@query", "authorization", "content-type", "content-digest"];
const WITHOUT_BODY: usize = 5;

/// The 18 bytes that make a proof unique under its key: a stream's 12 random bytes, then a 6-byte counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 18]);

impl Nonce {
    /// The nonce number `counter` (48 bits) of a stream; `stream` comes from a cryptographic random source.
    pub fn new(stream: [u8; 12], counter: u64) -> Self {
        let mut bytes = [0; 18];
        bytes[..12].copy_from_slice(&stream);
        bytes[12..].copy_from_slice(&counter.to_be_bytes()[2..]);
        Self(bytes)
    }

    /// The decoded bytes: what replay protection compares.
    pub const fn as_bytes(&self) -> &[u8; 18] {
        &self.0
    }
}

/// The parts of a request that a proof covers.
#[derive(Clone, Copy, Debug)]
pub struct ProofRequest<'a> {
    /// The method, as it goes over the wire.
    pub method: &'a str,
    /// `host[:port]` of the API's public origin.
    pub authority: &'a str,
    /// The raw path and query.
    pub target: RequestTarget<'a>,
    /// The value of `Authorization`, scheme included.
    pub authorization: &'a str,
    /// The body's headers, if there is a body.
    pub body: Option<ProofBody<'a>>,
}

/// The headers of a body that is covered.
#[derive(Clone, Copy, Debug)]
pub struct ProofBody<'a> {
    /// The value of `Content-Type`.
    pub content_type: &'a str,
    /// The value of `Content-Digest`.
    pub content_digest: &'a str,
}

fn base(input: &SignatureInput<'_>, request: &ProofRequest<'_>) -> Result<String, Error> {
    input.to_base(|component| {
        Some(match component {
            "@method" => Cow::Borrowed(request.method),
            "@authority" => Cow::Borrowed(request.authority),
            "@path" => Cow::Borrowed(request.target.path()),
            "@query" => request.target.query_component(),
            "authorization" => Cow::Borrowed(request.authorization),
            "content-type" => Cow::Borrowed(request.body?.content_type),
            "content-digest" => Cow::Borrowed(request.body?.content_digest),
            _ => return None,
        })
    })
}

/// A proof that is ready to be signed.
///
/// ```
/// use doorkey_core::{Nonce, Proof, ProofRequest, RequestTarget, SigningKey, UnsignedProof};
///
/// let key = SigningKey::from_seed(&[7; 32]);
/// let request = ProofRequest {
///     method: "GET",
///     authority: "api.example.com",
///     target: RequestTarget::parse("/pictures")?,
///     authorization: "Doorkey aaa.bbb.ccc",
///     body: None,
/// };
/// let unsigned = UnsignedProof::new(&request, &key.verifying_key(), Nonce::new([1; 12], 0), 1_700_000_000, 60)?;
/// let signature = key.sign(unsigned.base().as_bytes());
///
/// let (input, signature) = (unsigned.signature_input(), UnsignedProof::signature(&signature));
/// let proof = Proof::parse(&input, &signature)?;
/// proof.check_window(1_700_000_010, 30)?;
/// proof.verify(&key.verifying_key(), &request)?;
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Debug)]
pub struct UnsignedProof {
    value: String,
    base: String,
}

impl UnsignedProof {
    /// States what will be signed; `created` is in Unix seconds, `lifetime` in seconds, at most [`MAX_PROOF_WINDOW`].
    pub fn new(
        request: &ProofRequest<'_>,
        key: &VerifyingKey,
        nonce: Nonce,
        created: u64,
        lifetime: u64,
    ) -> Result<Self, Error> {
        let covered = if request.body.is_some() { &COMPONENTS[..] } else { &COMPONENTS[..WITHOUT_BODY] };
        let input = SignatureInput::new(covered.iter().copied())
            .with_integer("created", created.cast_signed())
            .with_integer("expires", created.saturating_add(lifetime).cast_signed())
            .with_string("nonce", to_base64url(nonce.as_bytes()))
            .with_string("keyid", key.to_base64url())
            .with_string("tag", PROOF_TAG);
        Ok(Self { base: base(&input, request)?, value: input.to_value() })
    }

    /// The bytes to sign.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The value of `Signature-Input`.
    pub fn signature_input(&self) -> String {
        [PROOF_LABEL, "=", &self.value].concat()
    }

    /// The value of `Signature`.
    pub fn signature(signature: &Signature) -> String {
        [PROOF_LABEL, "=:", &crate::encoding::to_base64(signature.as_bytes()), ":"].concat()
    }
}

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
        let signature = parse_signature_fields(signature)?
            .into_iter()
            .find(|(known, _)| *known == label)
            .and_then(|(_, bytes)| bytes.try_into().ok())
            .map(Signature::from_bytes)
            .ok_or_else(|| malformed("no signature of 64 bytes has the label of its input"))?;
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
