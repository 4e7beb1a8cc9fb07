//! A signed request, whoever has signed it: the fields of its signature, its body, and that it counts once.

use std::borrow::Cow;

use doorkey_core::{
    ContentDigest, Error, ErrorCode, Proof, ProofBody, ProofRequest, RequestTarget, Thumbprint, VerifyingKey,
};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};

use crate::refusal::Refusal;
use crate::replay::{ReplayKey, ReplayMemory, Unmarked};
use crate::request::single;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

fn incomplete(detail: &'static str) -> Error {
    Error::new(ErrorCode::ComponentsIncomplete, detail)
}

fn window(detail: &'static str) -> Error {
    Error::new(ErrorCode::WindowInvalid, detail)
}

/// The two signature fields, each as one value.
#[derive(Debug)]
pub struct SignatureFields<'a> {
    input: Option<Cow<'a, str>>,
    signature: Option<Cow<'a, str>>,
}

impl<'a> SignatureFields<'a> {
    /// Those of a request. Fails with [`ErrorCode::MalformedSignature`] for what is not visible ASCII.
    pub fn of(headers: &'a HeaderMap) -> Result<Self, Error> {
        Ok(Self { input: joined(headers, &SIGNATURE_INPUT)?, signature: joined(headers, &SIGNATURE)? })
    }

    /// Whether neither is there.
    pub fn are_absent(&self) -> bool {
        self.input.is_none() && self.signature.is_none()
    }

    /// The proof among the signatures, if both fields are there. Fails as [`Proof::parse`] does.
    pub fn proof(&self) -> Result<Option<Proof<'_>>, Error> {
        match (&self.input, &self.signature) {
            (Some(input), Some(signature)) => Proof::parse(input, signature).map(Some),
            _ => Ok(None),
        }
    }

    /// The proof, where signatures of others may stand, too.
    pub(crate) fn proof_if_any(&self) -> Result<Option<Proof<'_>>, Error> {
        match self.proof() {
            Err(error) if error.code() == ErrorCode::ProofMissing => Ok(None),
            proof => proof,
        }
    }
}

/// A structured field's lines as one value (RFC 9651, section 4.2).
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Cow<'a, str>>, Error> {
    let mut joined: Option<Cow<'a, str>> = None;
    for line in headers.get_all(name) {
        let line = line
            .to_str()
            .map_err(|_| Error::new(ErrorCode::MalformedSignature, "a signature header is not visible ASCII"))?;
        joined = Some(match joined {
            None => Cow::Borrowed(line),
            Some(lines) => Cow::Owned(lines.into_owned() + ", " + line),
        });
    }
    Ok(joined)
}

/// A request as its signature covers it.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    method: &'a str,
    target: RequestTarget<'a>,
    headers: &'a HeaderMap,
    digest: Option<(&'a str, ContentDigest)>,
}

/// What a proof is held against, besides its request.
#[derive(Clone, Copy, Debug)]
pub struct ProofTerms<'a> {
    /// `host[:port]` of the public origin, whatever the request says.
    pub authority: &'a str,
    /// The time, in Unix seconds.
    pub now: u64,
    /// How far clocks may be apart, in seconds.
    pub skew: u64,
    /// Proofs that were accepted before.
    pub replay: &'a ReplayMemory,
}

impl<'a> SignedRequest<'a> {
    /// Reads what a signature can cover.
    ///
    /// Fails with [`ErrorCode::UnsupportedEncoding`] for a body that is not sent as it is, and with
    /// [`ErrorCode::MalformedRequest`] for headers that have two readings.
    pub fn read(method: &'a str, target: RequestTarget<'a>, headers: &'a HeaderMap) -> Result<Self, Error> {
        let is_chunked = |value: &str| value.eq_ignore_ascii_case("chunked");
        if headers.contains_key(CONTENT_ENCODING) || !single(headers, &TRANSFER_ENCODING)?.is_none_or(is_chunked) {
            return Err(Error::new(ErrorCode::UnsupportedEncoding, "a signed body is sent as it is"));
        }
        let digest = match single(headers, &CONTENT_DIGEST)? {
            Some(text) => Some((text, ContentDigest::parse(text)?)),
            None => None,
        };
        Ok(Self { method, target, headers, digest })
    }

    /// What is known of the body before it has come.
    pub fn body(&self) -> BodyRule {
        self.digest.map_or(BodyRule::Empty, |(_, digest)| BodyRule::Digest(digest))
    }

    /// Verifies a proof by `key`: window, whether it is new, components, signature. It is not marked as used yet.
    ///
    /// `authorization` is the value of that header if the proof covers it. Fails with [`ErrorCode::WindowInvalid`],
    /// [`ErrorCode::Replayed`], [`ErrorCode::ComponentsIncomplete`] and [`ErrorCode::SignatureInvalid`].
    pub fn verify(
        &self,
        proof: &Proof<'_>,
        key: &VerifyingKey,
        authorization: Option<&str>,
        terms: &ProofTerms<'_>,
    ) -> Result<UsedProof, Error> {
        proof.check_window(terms.now, terms.skew)?;
        let used = UsedProof {
            key: ReplayKey { jkt: Thumbprint::of(key), nonce: proof.nonce() },
            created: proof.created(),
            until: proof.expires().saturating_add(terms.skew),
            is_reusable: false,
        };
        used.check_new(terms.replay)?;
        if self.digest.is_some() != proof.covers_body() {
            return Err(incomplete("content-digest is covered if and only if it is sent"));
        }
        let body = match (self.digest, single(self.headers, &CONTENT_TYPE)?) {
            (Some((content_digest, _)), Some(content_type)) => Some(ProofBody { content_type, content_digest }),
            _ => None,
        };
        let (method, target, authority) = (self.method, self.target, terms.authority);
        proof.verify(key, &ProofRequest { method, authority, target, authorization, body })?;
        Ok(used)
    }
}

/// What is known of a body before it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// It must have this digest.
    Digest(ContentDigest),
    /// There is none.
    Empty,
    /// It is not covered by anything.
    Free,
}

impl BodyRule {
    /// Compares the body that has come.
    ///
    /// Fails with [`ErrorCode::DigestMismatch`], and with [`ErrorCode::ComponentsIncomplete`] for a body that the proof
    /// does not know of.
    pub fn check(self, body: &[u8]) -> Result<(), Error> {
        self.check_hashed(body.len() as u64, || ContentDigest::of(body))
    }

    /// The same for a body of `length` bytes that somebody else hashes.
    pub fn check_hashed(self, length: u64, hash: impl FnOnce() -> ContentDigest) -> Result<(), Error> {
        match self {
            Self::Digest(digest) if digest != hash() => {
                Err(Error::new(ErrorCode::DigestMismatch, "the body is not the one that was signed"))
            }
            Self::Digest(_) if length == 0 => Err(incomplete("a body of zero bytes is no body")),
            Self::Empty if length > 0 => Err(incomplete("the request has a body that is not signed")),
            _ => Ok(()),
        }
    }
}

/// A proof that verified and counts once.
#[derive(Clone, Copy, Debug)]
pub struct UsedProof {
    pub(crate) key: ReplayKey,
    pub(crate) created: u64,
    /// When the proof can no longer be accepted, skew included; Unix seconds.
    pub(crate) until: u64,
    /// Whether it may be used again until then.
    pub(crate) is_reusable: bool,
}

impl UsedProof {
    /// What makes it the same as another.
    pub fn key(&self) -> &ReplayKey {
        &self.key
    }

    /// When it was made, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// When it can no longer be accepted, skew included; Unix seconds.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Whether it may be used again until then.
    pub fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// Refuses what was signed before the memory begins, and what was used before.
    pub(crate) fn check_new(&self, replay: &ReplayMemory) -> Result<(), Error> {
        if self.created < replay.since() {
            return Err(window("the signature is older than this server's memory, which may have accepted it before"));
        }
        if !self.is_reusable && replay.contains(&self.key) { Err(Unmarked::Replayed.into()) } else { Ok(()) }
    }

    /// Marks it as used; `now` is in Unix seconds.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`] for one that has expired meanwhile, and as [`ReplayMemory::mark`] does.
    pub fn mark(&self, replay: &ReplayMemory, now: u64) -> Result<(), Refusal> {
        if self.until <= now {
            return Err(window("the signature has expired meanwhile").into());
        }
        if self.is_reusable { Ok(()) } else { replay.mark(&self.key, self.until, now) }
    }
}
