//! Requests that a verifier has signed: as strict as the verifier itself is with the requests of others.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request};
use bytes::Bytes;
use doorkey_core::{ErrorCode, ProofKey, RequestTarget, VerifierId, VerifyingKey};
use doorkey_verifier::{ProofTerms, SignatureFields, SignedRequest};
use http::Version;
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;

use super::body;
use crate::error::Error;
use crate::issuer::{Issuer, VERIFIER_SKEW};

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
        let target = target(&parts)?;
        let signed = SignedRequest::read(parts.method.as_str(), target, &parts.headers)?;
        let fields = SignatureFields::of(&parts.headers)?;
        if fields.are_absent() {
            return refuse(ErrorCode::CredentialMissing, "this takes the signature of a verifier");
        }
        let Some(proof) = fields.proof()? else {
            return refuse(ErrorCode::ProofMissing, "Signature and Signature-Input go together");
        };
        let ProofKey::Verifier(verifier) = proof.key() else {
            return refuse(
                ErrorCode::WrongKeyKind,
                "a key has signed this, which takes the signature of a verifier (vk_)",
            );
        };
        let Some(record) = issuer.registry().verifier(verifier).await? else {
            return refuse(ErrorCode::KeyUnknown, "this issuer has no such verifier");
        };
        let key = VerifyingKey::from_bytes(&record.public_key).map_err(Error::store)?;
        let settings = issuer.settings();
        let terms = ProofTerms {
            // Whatever Host says.
            authority: settings.authority().as_str(),
            now: issuer.clock().now(),
            skew: VERIFIER_SKEW,
            replay: issuer.replay(),
        };
        let used = signed.verify(&proof, &key, None, &terms)?;
        if record.revoked_at.is_some() {
            return refuse(ErrorCode::KeyRevoked, "this verifier was revoked");
        }
        let rule = signed.body();
        let body = body::read(&parts.headers, body, most).await?;
        rule.check(&body)?;
        used.mark(issuer.replay(), issuer.clock().now())?;
        issuer.registry().note_verifier_seen(verifier);
        Ok(Self { verifier, received, parts, body })
    }
}

/// The target of a request whose only credential is a signature, as it came over the wire.
fn target(parts: &Parts) -> Result<RequestTarget<'_>, Error> {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    // HTTP/2 has the authority in every target; before that it means a proxy's absolute form.
    if parts.version < Version::HTTP_2 && uri.authority().is_some() {
        return refuse(ErrorCode::MalformedRequest, "the request target is in absolute form");
    }
    if parts.headers.contains_key(AUTHORIZATION) {
        return refuse(ErrorCode::MultipleCredentials, "a verifier signs, and sends no Authorization");
    }
    if parts.headers.contains_key(ORIGIN) {
        return refuse(ErrorCode::OriginNotAllowed, "this is not for pages");
    }
    Ok(RequestTarget::parse(uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str))?)
}

fn refuse<T>(code: ErrorCode, detail: &'static str) -> Result<T, Error> {
    Err(Error::new(code, detail))
}
