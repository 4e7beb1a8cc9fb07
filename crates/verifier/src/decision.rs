//! The decision whether a request is accepted: synchronous, over borrowed data, without I/O.
//!
//! The order is that of the design: size caps, form, policy, token, window, replay look-up, signature, digest, and last
//! the replay mark. Cheap refusals come first, and nothing is remembered of a request that is not accepted.

use std::borrow::Cow;
use std::sync::Arc;

use doorkey_core::token::{Expected, UnverifiedToken};
use doorkey_core::{
    Claims, ContentDigest, Error, ErrorCode, JwkSet, Proof, ProofBody, ProofKey, ProofRequest, RequestTarget,
    Thumbprint, Verified, VerifyingKey,
};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, ORIGIN, TRANSFER_ENCODING};

use crate::credential::{SessionCredential, single};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::replay::{ReplayKey, ReplayMemory, replayed};
use crate::tokens::{KnownToken, TokenCache};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// A request without its body, as it came over the wire. `Debug` leaves out the headers: a credential is among them.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a str,
    /// The raw path and query, before any router has looked at it.
    pub target: &'a str,
    /// `host[:port]` as the client named it: `:authority` in HTTP/2, `Host` before that. It only chooses among the
    /// configured origins.
    pub authority: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
}

impl std::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// What the verifier was told.
    pub policy: &'a Policy,
    /// The issuer's public keys.
    pub keys: &'a JwkSet,
    /// Tokens that were verified before.
    pub tokens: &'a TokenCache,
    /// Proofs that were accepted before.
    pub replay: &'a ReplayMemory,
    /// The time, in Unix seconds.
    pub now: u64,
}

/// Why a decision could not accept a request.
#[derive(Debug)]
pub enum Rejection {
    /// The token was signed with a key that is not among the known ones: look for newer keys and decide again.
    KeyUnknown(Thumbprint),
    /// Refused, whatever else is known.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// A request of which everything but the body has been checked.
#[derive(Debug)]
pub struct Examined {
    token: Arc<KnownToken>,
    replay: ReplayKey,
    /// When the proof can no longer be accepted, skew included; Unix seconds.
    until: u64,
    digest: Option<ContentDigest>,
}

/// A request that was accepted, and on whose behalf. Only this module makes one.
#[derive(Clone, Debug)]
pub struct Accepted(Arc<KnownToken>);

impl Accepted {
    /// What the session token says.
    pub fn claims(&self) -> &Verified<Claims> {
        &self.0.claims
    }
}

impl Decision<'_> {
    /// Checks everything but the body.
    pub fn examine(&self, request: &RequestHead<'_>) -> Result<Examined, Rejection> {
        let headers = request.headers;
        let credential = SessionCredential::find(headers)?;
        let target = RequestTarget::parse(request.target)?;
        if target.query().is_some_and(is_signed_url) {
            return Err(
                Error::new(ErrorCode::MultipleCredentials, "a signed URL beside an Authorization header").into()
            );
        }
        let (input, signature) = (joined(headers, &SIGNATURE_INPUT)?, joined(headers, &SIGNATURE)?);
        let proof = match (&input, &signature) {
            (Some(input), Some(signature)) => Some(Proof::parse(input, signature)?),
            _ => None,
        };
        let is_chunked = |value: &str| value.eq_ignore_ascii_case("chunked");
        if headers.contains_key(CONTENT_ENCODING) || !single(headers, &TRANSFER_ENCODING)?.is_none_or(is_chunked) {
            return Err(Error::new(ErrorCode::UnsupportedEncoding, "a signed body is sent as it is").into());
        }
        let digest_header = single(headers, &CONTENT_DIGEST)?;
        let digest = digest_header.map(ContentDigest::parse).transpose()?;

        let audience = self.policy.origin_for(request.authority);
        // A token that stands alone still gets its own errors: they say more than the missing proof.
        let token = self.token(
            credential.token,
            proof.as_ref(),
            &Expected { issuer: self.policy.issuer().as_str(), audience, now: self.now, skew: self.policy.skew() },
        )?;
        let proof = proof.ok_or_else(|| Error::new(ErrorCode::ProofMissing, "the request is not signed"))?;
        if single(headers, &ORIGIN)?.is_some_and(|origin| origin != token.claims.doorkey.origin.as_str()) {
            return Err(
                Error::new(ErrorCode::OriginNotAllowed, "the session belongs to a page of another origin").into()
            );
        }

        proof.check_window(self.now, self.policy.skew())?;
        if proof.created() < self.replay.since() {
            return Err(window("the signature is older than this verifier, which may have accepted it before").into());
        }
        let replay = ReplayKey { jkt: token.claims.cnf.jkt, nonce: proof.nonce() };
        if self.replay.contains(&replay) {
            return Err(replayed().into());
        }
        if digest.is_some() != proof.covers_body() {
            return Err(Error::new(
                ErrorCode::ComponentsIncomplete,
                "content-digest is covered if and only if it is sent",
            )
            .into());
        }
        let body = match (digest_header, single(headers, &CONTENT_TYPE)?) {
            (Some(content_digest), Some(content_type)) => Some(ProofBody { content_type, content_digest }),
            _ => None,
        };
        proof.verify(
            &token.key,
            &ProofRequest {
                method: request.method,
                authority: audience.authority(),
                target,
                authorization: Some(credential.authorization),
                body,
            },
        )?;
        let until = proof.expires().saturating_add(self.policy.skew());
        Ok(Examined { token, replay, until, digest })
    }

    /// Checks the body that has arrived, marks the proof as used, and accepts.
    ///
    /// Fails with [`ErrorCode::DigestMismatch`], with [`ErrorCode::ComponentsIncomplete`] for a body that the proof
    /// does not know of, and as [`ReplayMemory::mark`] does.
    pub fn accept(&self, examined: Examined, body: &[u8]) -> Result<Accepted, Refusal> {
        match examined.digest {
            Some(digest) if digest != ContentDigest::of(body) => {
                return Err(Error::new(ErrorCode::DigestMismatch, "the body is not the one that was signed").into());
            }
            Some(_) if body.is_empty() => {
                return Err(Error::new(ErrorCode::ComponentsIncomplete, "a body of zero bytes is no body").into());
            }
            None if !body.is_empty() => {
                return Err(
                    Error::new(ErrorCode::ComponentsIncomplete, "the request has a body that is not signed").into()
                );
            }
            _ => {}
        }
        // However long the body took: a proof is not accepted after its window.
        if examined.until <= self.now {
            return Err(window("the signature expired while the body arrived").into());
        }
        self.replay.mark(&examined.replay, examined.until, self.now)?;
        Ok(Accepted(examined.token))
    }

    fn token(
        &self,
        token: &str,
        proof: Option<&Proof<'_>>,
        expected: &Expected<'_>,
    ) -> Result<Arc<KnownToken>, Rejection> {
        let mut unknown = None;
        let known = self.tokens.find_or_verify(token, || {
            let unverified = UnverifiedToken::parse(token)?;
            let kid = unverified.kid();
            let key = self.keys.find(&kid).ok_or_else(|| {
                unknown = Some(kid);
                Error::new(ErrorCode::TokenInvalid, "the token was signed with a key that the issuer does not publish")
            })?;
            let claims = unverified.verify(key, expected)?;
            let proof = proof.ok_or_else(|| Error::new(ErrorCode::ProofMissing, "the request is not signed"))?;
            let ProofKey::Session(key) = proof.key() else { return Err(key_mismatch()) };
            if proof.key().jkt() != Some(claims.cnf.jkt) {
                return Err(key_mismatch());
            }
            Ok(KnownToken { key: VerifyingKey::from_bytes(&key)?, claims, kid })
        });
        let known = match (known, unknown) {
            (Err(_), Some(kid)) => return Err(Rejection::KeyUnknown(kid)),
            (known, _) => known?,
        };
        if self.keys.find(&known.kid).is_none() {
            return Err(Rejection::KeyUnknown(known.kid));
        }
        if !known.claims.aud.contains(expected.audience) {
            return Err(Error::new(ErrorCode::TokenInvalid, "the token is for another API").into());
        }
        if known.claims.exp <= self.now {
            return Err(Error::new(ErrorCode::TokenExpired, "the token has expired").into());
        }
        if proof.is_some_and(|proof| proof.key() != ProofKey::from(&known.key)) {
            return Err(key_mismatch().into());
        }
        Ok(known)
    }
}

/// Whether a query carries the credential of a signed URL.
fn is_signed_url(query: &str) -> bool {
    query.split('&').any(|parameter| parameter.starts_with("dk-token=") || parameter.starts_with("dk-sig="))
}

fn window(detail: &'static str) -> Error {
    Error::new(ErrorCode::WindowInvalid, detail)
}

fn key_mismatch() -> Error {
    Error::new(ErrorCode::KeyMismatch, "the request was signed with another key than the token is bound to")
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
