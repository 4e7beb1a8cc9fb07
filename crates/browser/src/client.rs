//! What a client knows: its key string, its key pair and its session. Clocks and random bytes are arguments.

use alloc::string::String;

use doorkey_core::{
    ContentDigest, DEFAULT_CONTENT_TYPE, Error, ErrorCode, MAX_PROOF_WINDOW, MINT_PATH, MintClaims, Nonce, ProofBody,
    ProofRequest, PublishableKey, Signature, UnsignedProof, to_base64url,
};

use crate::address::Address;
use crate::instant::Instant;
use crate::key_pair::KeyPair;
use crate::session::{MintResponse, Session};

/// The state behind one `createClient`.
pub struct Client {
    publishable_key: String,
    mint_url: String,
    key: Option<KeyPair>,
    session: Option<Session>,
    /// The random half of every nonce; the other half counts.
    stream: [u8; 12],
    nonces: u64,
}

/// What is about to be sent, as `Request` has it.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// `Request.url`.
    pub url: &'a str,
    /// The `Content-Type` header, if there is one.
    pub content_type: Option<&'a str>,
    /// SHA-256 of the body, unless it has no bytes.
    pub digest: Option<[u8; 32]>,
}

/// The headers that a request gets, except for `Signature`, and what that signature covers.
#[derive(Debug)]
pub struct SignableRequest<'a> {
    /// The value of `Authorization`.
    pub authorization: &'a str,
    /// The values of `Content-Type` and `Content-Digest`, if there is a body.
    pub body: Option<(String, String)>,
    /// The signature base and `Signature-Input`.
    pub proof: UnsignedProof,
}

impl Client {
    /// A client for a page's publishable key; `stream` is random and used for nothing else.
    ///
    /// Fails with [`ErrorCode::WrongKeyKind`] for a secret key and with [`ErrorCode::MalformedKey`] for what is no key.
    pub fn new(publishable_key: &str, stream: [u8; 12]) -> Result<Self, Error> {
        let issuer = PublishableKey::parse(publishable_key)?.issuer();
        Ok(Self {
            publishable_key: publishable_key.into(),
            mint_url: [issuer.as_str(), MINT_PATH].concat(),
            key: None,
            session: None,
            stream,
            nonces: 0,
        })
    }

    /// Where sessions are minted.
    pub fn mint_url(&self) -> &str {
        &self.mint_url
    }

    /// Takes the key pair that will sign; a session of another pair ends here.
    pub fn set_key(&mut self, key: KeyPair) {
        self.key = Some(key);
        self.session = None;
    }

    /// What the key pair signs to get a session; `random` makes this mint unlike any other.
    pub fn mint_signing_input(&self, now: Instant, random: [u8; 12]) -> Result<String, Error> {
        let claims = MintClaims {
            publishable_key: self.publishable_key.clone(),
            aud: self.mint_url.clone(),
            iat: to_seconds(now.wall),
            jti: to_base64url(&random),
            grant: None,
            challenge: None,
        };
        Ok(claims.to_signing_input(&self.key()?.verifying_key()))
    }

    /// Begins a session with the issuer's answer, which came in at `now`.
    pub fn begin_session(&mut self, response: &MintResponse<'_>, now: Instant) {
        self.session = Some(Session::new(response, now));
    }

    /// Whether there is a session that calls go on with.
    pub fn is_usable(&self, now: Instant) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_usable(now))
    }

    /// Whether it is time for another session, be there one in use or not.
    pub fn is_renewal_due(&self, now: Instant) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_renewal_due(now))
    }

    /// Takes note that a server refused a request with this `Authorization`, by a 401 and this code.
    ///
    /// A late refusal of an old token does no harm to its successor.
    pub fn refuse(&mut self, authorization: &str, code: &str) {
        if let Some(session) = self.session.as_mut().filter(|session| session.authorization == authorization) {
            session.refuse(code);
        }
    }

    /// Whether a request for `url` gets credentials: its origin is in the session's audience.
    pub fn covers(&self, url: &str) -> bool {
        let covers = |session: &Session| Address::parse(url).is_some_and(|address| session.covers(address.origin));
        self.session.as_ref().is_some_and(covers)
    }

    /// States what is signed for a request, and under which headers it travels; `monotonic` as in [`Instant`].
    ///
    /// Fails with [`ErrorCode::MalformedRequest`] for a URL whose path or query no server can take in one way only, and
    /// with [`ErrorCode::TokenInvalid`] where [`covers`](Self::covers) is false.
    pub fn prepare(&mut self, request: &OutgoingRequest<'_>, monotonic: f64) -> Result<SignableRequest<'_>, Error> {
        let key = self.key()?.verifying_key();
        let session = self.session.as_ref().ok_or_else(no_session)?;
        let address = Address::parse(request.url).filter(|address| session.covers(address.origin));
        let address = address.ok_or_else(no_session)?;
        let body = request.digest.map(|digest| {
            let content_type = request.content_type.unwrap_or(DEFAULT_CONTENT_TYPE);
            (String::from(content_type), ContentDigest::from_bytes(digest).to_header())
        });
        if request.content_type.is_some_and(|content_type| !content_type.is_ascii()) {
            return Err(Error::new(ErrorCode::MalformedRequest, "the content type is not ASCII"));
        }
        let covered = ProofRequest {
            method: request.method,
            authority: address.authority,
            target: address.target()?,
            authorization: Some(&session.authorization),
            body: body.as_ref().map(|(content_type, content_digest)| ProofBody { content_type, content_digest }),
        };
        let nonce = Nonce::new(self.stream, self.nonces);
        self.nonces += 1;
        let created = to_seconds(session.clock.at(monotonic));
        let proof = UnsignedProof::new(&covered, (&key).into(), nonce, created, MAX_PROOF_WINDOW)?;
        Ok(SignableRequest { authorization: &session.authorization, body, proof })
    }

    /// Signs a mint or a proof; `made` is the signature, where the private key lives elsewhere, else empty.
    ///
    /// Fails with [`ErrorCode::InvalidInput`] if there is none.
    pub fn sign(&self, message: &str, made: &[u8]) -> Result<Signature, Error> {
        self.key()?.sign(message, made)
    }

    fn key(&self) -> Result<&KeyPair, Error> {
        self.key.as_ref().ok_or_else(no_session)
    }
}

fn no_session() -> Error {
    Error::new(ErrorCode::TokenInvalid, "there is no session for this request")
}

/// Unix milliseconds to whole seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
fn to_seconds(milliseconds: f64) -> u64 {
    (milliseconds / 1_000.0) as u64
}

#[cfg(test)]
mod tests;
