//! A session token with a proof.

use std::sync::Arc;

use doorkey_core::token::{Expected, UnverifiedToken};
use doorkey_core::{Error, ErrorCode, Proof, ProofKey, RequestTarget, Thumbprint, VerifyingKey};
use http::header::ORIGIN;

use super::{Decision, Examined, Rejection};
use crate::request::{RequestHead, single};
use crate::signed::{BodyRule, SignatureFields, SignedRequest};
use crate::tokens::KnownToken;

impl Decision<'_> {
    pub(super) fn session(
        &self,
        request: &RequestHead<'_>,
        target: RequestTarget<'_>,
        authorization: &str,
        token: &str,
        signatures: &SignatureFields<'_>,
    ) -> Result<Examined, Rejection> {
        let proof = signatures.proof()?;
        let signer = match proof.as_ref().map(Proof::key) {
            Some(ProofKey::Session(key)) => Some(key),
            Some(ProofKey::Secret(_) | ProofKey::Verifier(_)) => {
                let detail = "a session token beside another key's signature";
                return Err(Error::new(ErrorCode::MultipleCredentials, detail).into());
            }
            None => None,
        };
        let covered = SignedRequest::read(request.method, target, request.headers)?;
        // A token that stands alone still gets its own errors: they say more than the missing proof.
        let token = self.token(token, signer.as_ref(), request)?;
        let examine = || {
            let proof = proof.ok_or_else(|| Error::new(ErrorCode::ProofMissing, "the request is not signed"))?;
            let accepted = self.session_caller(request, Arc::clone(&token), target.path(), covered.body())?;
            let used = covered.verify(&proof, &token.key, Some(authorization), &self.terms(request))?;
            Ok(Examined { accepted, proof: Some(used), body: covered.body() })
        };
        examine().map_err(|rejection: Rejection| rejection.about(token.claims.client_id))
    }

    /// The token, verified now or before, for the key that signs. Without a signer a good token is refused in the end.
    pub(super) fn token(
        &self,
        token: &str,
        signer: Option<&[u8; VerifyingKey::LEN]>,
        request: &RequestHead<'_>,
    ) -> Result<Arc<KnownToken>, Rejection> {
        let (audience, now) = (self.policy.origin_for(request.authority), self.now.seconds());
        let issuer = self.policy.issuer().as_str();
        let expected = Expected { issuer, audience, now, skew: self.policy.skew() };
        let mut unknown = None;
        let known = self.tokens.find_or_verify(token, || {
            let unverified = UnverifiedToken::parse(token)?;
            let kid = unverified.kid();
            let key = self.keys.find(&kid).ok_or_else(|| {
                unknown = Some(kid);
                Error::new(ErrorCode::TokenInvalid, "the token was signed with a key that the issuer does not publish")
            })?;
            let claims = unverified.verify(key, &expected)?;
            let signer = signer.ok_or_else(|| Error::new(ErrorCode::ProofMissing, "the request is not signed"))?;
            if ProofKey::Session(*signer).jkt() != Some(claims.cnf.jkt) {
                return Err(key_mismatch());
            }
            Ok(KnownToken { key: VerifyingKey::from_bytes(signer)?, claims, kid })
        });
        let known = match (known, unknown) {
            (Err(_), Some(kid)) => return Err(self.unknown_key(kid)),
            (known, _) => known?,
        };
        if self.keys.find(&known.kid).is_none() {
            return Err(self.unknown_key(known.kid));
        }
        known.claims.check_audience(audience)?;
        if known.claims.exp <= now {
            return Err(Error::new(ErrorCode::TokenExpired, "the token has expired").into());
        }
        if signer.is_some_and(|signer| signer != known.key.as_bytes()) {
            return Err(key_mismatch().into());
        }
        Ok(known)
    }

    /// A directory that is too old says nothing of the token, whose key it may have yet.
    fn unknown_key(&self, kid: Thumbprint) -> Rejection {
        match self.directory.map(|(directory, _)| directory.check_fresh(&self.now)) {
            Some(Err(stale)) => stale.into(),
            _ => Rejection::IssuerKeyUnknown(kid),
        }
    }

    /// Whom the session stands for, once its page's origin, its key and its grant let it.
    pub(super) fn session_caller(
        &self,
        request: &RequestHead<'_>,
        token: Arc<KnownToken>,
        path: &str,
        body: BodyRule,
    ) -> Result<super::Accepted, Rejection> {
        let claims = &token.claims;
        if single(request.headers, &ORIGIN)?.is_some_and(|origin| origin != claims.doorkey.origin.as_str()) {
            let detail = "the session belongs to a page of another origin";
            return Err(Error::new(ErrorCode::OriginNotAllowed, detail).into());
        }
        if let Some(bind) = &claims.doorkey.bind {
            let digest = match &body {
                BodyRule::Digest(digest) => Some(digest),
                BodyRule::Empty | BodyRule::Free => None,
            };
            bind.check(request.method, path, digest)?;
        }
        self.session_rules(token, self.client(request))
    }
}

fn key_mismatch() -> Error {
    Error::new(ErrorCode::KeyMismatch, "the request was signed with another key than the token is bound to")
}
