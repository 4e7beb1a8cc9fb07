//! Requests that a verifier has signed: as strict as the verifier itself is with the requests of others.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request};
use bytes::Bytes;
use doorkey_core::{
    ContentDigest, ErrorCode, Proof, ProofBody, ProofKey, ProofRequest, RequestTarget, Thumbprint, VerifierId,
    VerifyingKey,
};
use doorkey_verifier::ReplayKey;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::body;
use crate::error::Error;
use crate::issuer::{Issuer, VERIFIER_SKEW};
use crate::store::VerifierRecord;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// A request that a verifier has signed, and that was not here before.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) verifier: VerifierId,
    /// When it was received, on the monotonic clock.
    pub(super) received: Duration,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Signed {
    /// Checks a request whose body has at most so many bytes.
    ///
    /// A verifier that was revoked is told so only once it has proved who it is.
    pub(super) async fn check(issuer: &Arc<Issuer>, request: Request, most: usize) -> Result<Self, Error> {
        let received = issuer.clock().monotonic();
        let (parts, body) = request.into_parts();
        let head = Head::read(&parts)?;
        let (input, signature) = head.signature()?;
        let proof = Proof::parse(&input, &signature)?;
        let ProofKey::Verifier(verifier) = proof.key() else {
            return refuse(ErrorCode::WrongKeyKind, "this takes the signature of a verifier");
        };
        let Some(record) = issuer.registry().verifier(verifier).await? else {
            return refuse(ErrorCode::KeyUnknown, "this issuer has no such verifier");
        };
        let digest = head.content_digest.map(ContentDigest::parse).transpose()?;
        let replay_key = head.verify(&proof, &record, issuer)?;
        if record.revoked_at.is_some() {
            return refuse(ErrorCode::KeyRevoked, "this verifier was revoked");
        }

        let body = body::read(&parts.headers, body, most).await?;
        match digest {
            Some(digest) if digest != ContentDigest::of(&body) => {
                return refuse(ErrorCode::DigestMismatch, "the body is not the one that was signed");
            }
            Some(_) if body.is_empty() => {
                return refuse(ErrorCode::ComponentsIncomplete, "a body of zero bytes is no body");
            }
            None if !body.is_empty() => {
                return refuse(ErrorCode::ComponentsIncomplete, "the request has a body that is not signed");
            }
            _ => {}
        }
        let (now, until) = (issuer.clock().now(), proof.expires().saturating_add(VERIFIER_SKEW));
        if until <= now {
            return refuse(ErrorCode::WindowInvalid, "the signature expired while the body arrived");
        }
        issuer.replay().0.mark(&replay_key, until, now)?;
        issuer.registry().note_verifier_seen(verifier);
        Ok(Self { verifier, received, parts, body })
    }
}

/// What a signature is about.
struct Head<'a> {
    parts: &'a Parts,
    target: RequestTarget<'a>,
    content_digest: Option<&'a str>,
    content_type: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// Reads a request whose only credential is a signature.
    fn read(parts: &'a Parts) -> Result<Self, Error> {
        let headers = &parts.headers;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        if uri.authority().is_some() {
            return refuse(ErrorCode::MalformedRequest, "the request target is in absolute form");
        }
        if headers.contains_key(AUTHORIZATION) {
            return refuse(ErrorCode::MultipleCredentials, "a verifier signs, and sends no Authorization");
        }
        if headers.contains_key(ORIGIN) {
            return refuse(ErrorCode::OriginNotAllowed, "this is not for pages");
        }
        if !single(headers, &TRANSFER_ENCODING)?.is_none_or(|value| value.eq_ignore_ascii_case("chunked")) {
            return refuse(ErrorCode::UnsupportedEncoding, "a signed body is sent as it is");
        }
        let target = RequestTarget::parse(uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str))?;
        Ok(Self {
            parts,
            target,
            content_digest: single(headers, &CONTENT_DIGEST)?,
            content_type: single(headers, &CONTENT_TYPE)?,
        })
    }

    fn signature(&self) -> Result<(Cow<'a, str>, Cow<'a, str>), Error> {
        let headers = &self.parts.headers;
        match (joined(headers, &SIGNATURE_INPUT)?, joined(headers, &SIGNATURE)?) {
            (Some(input), Some(signature)) => Ok((input, signature)),
            (None, None) => refuse(ErrorCode::CredentialMissing, "this takes the signature of a verifier"),
            _ => refuse(ErrorCode::ProofMissing, "Signature and Signature-Input go together"),
        }
    }

    /// Checks all but the body; what makes the request the same as another is left to be marked.
    fn verify(&self, proof: &Proof<'_>, verifier: &VerifierRecord, issuer: &Issuer) -> Result<ReplayKey, Error> {
        let (replay, remembered_since) = issuer.replay();
        proof.check_window(issuer.clock().now(), VERIFIER_SKEW)?;
        if proof.created() < remembered_since {
            return refuse(ErrorCode::WindowInvalid, "the signature is older than this issuer's memory of others");
        }
        let key = VerifyingKey::from_bytes(&verifier.public_key).map_err(Error::store)?;
        let replay_key = ReplayKey { jkt: Thumbprint::of(&key), nonce: proof.nonce() };
        if replay.contains(&replay_key) {
            return refuse(ErrorCode::Replayed, "this signature was used before");
        }
        if self.content_digest.is_some() != proof.covers_body() {
            return refuse(ErrorCode::ComponentsIncomplete, "content-digest is covered if and only if it is sent");
        }
        let body = match (self.content_digest, self.content_type) {
            (Some(content_digest), Some(content_type)) => Some(ProofBody { content_type, content_digest }),
            _ => None,
        };
        let settings = issuer.settings();
        proof.verify(
            &key,
            &ProofRequest {
                method: self.parts.method.as_str(),
                // Whatever Host says.
                authority: settings.authority().as_str(),
                target: self.target,
                authorization: None,
                body,
            },
        )?;
        Ok(replay_key)
    }
}

fn refuse<T>(code: ErrorCode, detail: &'static str) -> Result<T, Error> {
    Err(Error::new(code, detail))
}

/// The value of a header that may stand once at most, as text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => refuse(ErrorCode::MalformedRequest, "a header that is covered stands twice, or is not visible ASCII"),
    }
}

/// A structured field's lines as one value (RFC 9651, section 4.2).
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Cow<'a, str>>, Error> {
    let mut lines = Vec::new();
    for line in headers.get_all(name) {
        match line.to_str() {
            Ok(line) => lines.push(line),
            Err(_) => return refuse(ErrorCode::MalformedSignature, "a signature header is not visible ASCII"),
        }
    }
    Ok(match &lines[..] {
        [] => None,
        [line] => Some(Cow::Borrowed(line)),
        lines => Some(Cow::Owned(lines.join(", "))),
    })
}
