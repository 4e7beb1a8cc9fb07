//! The proof: a strict profile of RFC 9421 that says everything a request means, and nothing else.

mod key;
#[cfg(feature = "verify")]
mod received;
#[cfg(feature = "verify")]
mod window;

pub use key::ProofKey;
#[cfg(feature = "verify")]
pub use received::Proof;
#[cfg(feature = "verify")]
pub(crate) use window::Window;

use alloc::borrow::Cow;
use alloc::string::String;

use crate::encoding::to_base64url;
use crate::error::{Error, ErrorCode};
use crate::key::Signature;
use crate::signature::SignatureInput;
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

/// What a session's proof covers, in this order; the last two if and only if there is a body.
const OF_SESSION: [&str; 7] =
    ["@method", "@authority", "@path", "@query", "authorization", "content-type", "content-digest"];
/// What the proof of a secret key or a verifier covers: it needs no token, so there is no `Authorization`.
const OF_KEY: [&str; 6] = ["@method", "@authority", "@path", "@query", "content-type", "content-digest"];
/// How many components, at the end of either list, are the body's.
const OF_BODY: usize = 2;

/// Exactly what the proof of a session's key, or of another, covers.
fn components(is_session: bool, has_body: bool) -> &'static [&'static str] {
    let all = if is_session { &OF_SESSION[..] } else { &OF_KEY[..] };
    if has_body { all } else { &all[..all.len() - OF_BODY] }
}

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

    /// Reads 24 characters of canonical base64url.
    #[cfg(feature = "verify")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        crate::encoding::parse_base64url_array(text).map(Self)
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
    /// The value of `Authorization`, scheme included: there, and covered, if and only if a session's key signs.
    pub authorization: Option<&'a str>,
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
            "authorization" => Cow::Borrowed(request.authorization?),
            "content-type" => Cow::Borrowed(request.body?.content_type),
            "content-digest" => Cow::Borrowed(request.body?.content_digest),
            _ => return None,
        })
    })
}

/// A proof that is ready to be signed.
///
/// ```
/// use doorkey_core::{Nonce, Proof, ProofKey, ProofRequest, RequestTarget, SigningKey, UnsignedProof};
///
/// let key = SigningKey::from_seed(&[7; 32]);
/// let request = ProofRequest {
///     method: "GET",
///     authority: "api.example.com",
///     target: RequestTarget::parse("/pictures")?,
///     authorization: Some("Doorkey aaa.bbb.ccc"),
///     body: None,
/// };
/// let signer = ProofKey::from(&key.verifying_key());
/// let unsigned = UnsignedProof::new(&request, signer, Nonce::new([1; 12], 0), 1_700_000_000, 60)?;
/// let signature = key.sign(unsigned.base().as_bytes());
///
/// let (input, signature) = (unsigned.signature_input(), UnsignedProof::signature(&signature));
/// let proof = Proof::parse(&input, &signature)?;
/// proof.check_window(1_700_000_010, 30)?;
/// assert_eq!(proof.key(), signer);
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
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for a session's proof without `Authorization`, and for another's with one.
    #[inline]
    pub fn new(
        request: &ProofRequest<'_>,
        key: ProofKey,
        nonce: Nonce,
        created: u64,
        lifetime: u64,
    ) -> Result<Self, Error> {
        if request.authorization.is_some() != key.is_session() {
            return Err(Error::new(
                ErrorCode::InvalidInput,
                "a session's proof covers an authorization, and no other proof does",
            ));
        }
        let covered = components(key.is_session(), request.body.is_some());
        let input = SignatureInput::new(covered.iter().copied())
            .with_integer("created", created.cast_signed())
            .with_integer("expires", created.saturating_add(lifetime).cast_signed())
            .with_string("nonce", to_base64url(nonce.as_bytes()))
            .with_string("keyid", key.to_keyid())
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
