//! What a client knows: its key string, its key pair and its session. Clocks and random bytes are arguments.

use alloc::string::String;

use doorkey_core::{
    ContentDigest, DEFAULT_CONTENT_TYPE, Error, ErrorCode, MAX_PROOF_WINDOW, MAX_URL_WINDOW, Nonce, ProofBody,
    ProofKey, ProofRequest, Signature, UnsignedProof, UnsignedUrl,
};

use crate::address::Address;
use crate::instant::Instant;
use crate::retry::{Pace, Remedy};
use crate::session::{MintResponse, Session};

/// The state behind one `createClient`.
pub struct Client {
    /// The public half of the key pair; the private one lives elsewhere.
    key: [u8; 32],
    session: Option<Session>,
    pace: Pace,
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

/// A URL that lacks its signature.
#[derive(Debug)]
pub struct SignableUrl {
    origin: String,
    url: UnsignedUrl,
    fragment: String,
}

impl SignableUrl {
    /// The bytes to sign.
    pub fn base(&self) -> &str {
        self.url.base()
    }

    /// The whole URL.
    pub fn into_url(self, signature: &Signature) -> String {
        self.origin + &self.url.into_target(signature) + &self.fragment
    }
}

impl Client {
    /// A client for a key pair that lives elsewhere, by its raw public half; `stream` is random and used for nothing
    /// else.
    pub fn new(key: [u8; 32], stream: [u8; 12]) -> Self {
        Self { key, session: None, pace: Pace::default(), stream, nonces: 0 }
    }

    /// Begins a session with the issuer's answer, which came in at `now`.
    pub fn begin_session(&mut self, response: &MintResponse<'_>, now: Instant) {
        self.session = Some(Session::new(response, now));
        self.pace.reset();
    }

    /// Takes note of a mint that failed; `retry_after` is what the issuer said, in seconds.
    pub fn fail_mint(&mut self, retry_after: Option<f64>, now: Instant) {
        self.pace.fail(retry_after, now.monotonic);
    }

    /// Takes note of a network that is back.
    pub fn go_online(&mut self) {
        self.pace.reset();
    }

    /// Whether another mint may be tried, or the last has failed too short a time ago.
    pub fn may_mint(&self, now: Instant) -> bool {
        self.pace.allows(now.monotonic)
    }

    /// Whether the session outlives a URL that is signed now for `seconds`, as far as another one would.
    pub fn outlives(&self, seconds: f64, now: Instant) -> bool {
        self.session.as_ref().is_some_and(|session| session.outlives(now, seconds * 1_000.0))
    }

    /// Whether there is a session that calls go on with.
    pub fn is_usable(&self, now: Instant) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_usable(now))
    }

    /// Whether it is time for another session, be there one in use or not.
    pub fn is_renewal_due(&self, now: Instant) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_renewal_due(now))
    }

    /// Takes note that a server refused a request with this `Authorization`, by a 401 and this code; says whether the
    /// same request, signed anew, may do better. `monotonic` as in [`Instant`].
    ///
    /// A late refusal of an old token does no harm to its successor, and one of a token that is new ends no session: the
    /// next would be refused as well, and every call would bring another mint.
    pub fn refuse(&mut self, authorization: &str, code: &str, monotonic: f64) -> bool {
        match Remedy::of(code) {
            None => false,
            Some(Remedy::Signature) => true,
            Some(Remedy::Session) => match self.session.as_mut() {
                Some(session) if session.authorization == authorization => session.refuse(monotonic),
                _ => true,
            },
        }
    }

    /// Whether a request for `url` gets credentials: its origin is in the session's audience.
    pub fn covers(&self, url: &str) -> bool {
        let covers = |session: &Session| Address::parse(url).is_some_and(|address| session.covers(&address));
        self.session.as_ref().is_some_and(covers)
    }

    /// States what is signed for a request, and under which headers it travels; `monotonic` as in [`Instant`].
    ///
    /// Fails with [`ErrorCode::MalformedRequest`] for a URL whose path or query no server can take in one way only, and
    /// with [`ErrorCode::InvalidInput`] where [`covers`](Self::covers) is false.
    pub fn prepare(&mut self, request: &OutgoingRequest<'_>, monotonic: f64) -> Result<SignableRequest<'_>, Error> {
        let nonce = self.nonce();
        let (session, address) = self.session_for(request.url)?;
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
        let created = to_seconds(session.clock.at(monotonic));
        let proof = UnsignedProof::new(&covered, ProofKey::Session(self.key), nonce, created, MAX_PROOF_WINDOW)?;
        Ok(SignableRequest { authorization: &session.authorization, body, proof })
    }

    /// States what is signed for a URL that will be good for `lifetime` seconds, or as long as its token if that ends
    /// before; `monotonic` as in [`Instant`].
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for a lifetime that is none, or too long, and for a URL with parameters
    /// that begin with `dk-`; otherwise as [`prepare`](Self::prepare) does.
    pub fn prepare_url(&mut self, url: &str, lifetime: f64, monotonic: f64) -> Result<SignableUrl, Error> {
        let nonce = self.nonce();
        let (session, address) = self.session_for(url)?;
        let (created, lifetime) = (to_seconds(session.clock.at(monotonic)), to_seconds(lifetime * 1_000.0));
        let left = to_seconds(session.expires).saturating_sub(created).max(1);
        // What is too long in itself stays so, and is refused.
        let lifetime = if lifetime > MAX_URL_WINDOW { lifetime } else { lifetime.min(left) };
        let (authority, target) = (address.authority, address.target()?);
        let unsigned = UnsignedUrl::new(authority, target, session.token(), self.key, nonce, created, lifetime)?;
        Ok(SignableUrl { origin: address.origin().into(), url: unsigned, fragment: address.fragment().into() })
    }

    fn session_for<'a>(&self, url: &'a str) -> Result<(&Session, Address<'a>), Error> {
        let session = self.session.as_ref().ok_or_else(no_session)?;
        let address = Address::parse(url).filter(|address| session.covers(address)).ok_or_else(no_session)?;
        Ok((session, address))
    }

    fn nonce(&mut self) -> Nonce {
        let nonce = Nonce::new(self.stream, self.nonces);
        self.nonces += 1;
        nonce
    }
}

fn no_session() -> Error {
    Error::new(ErrorCode::InvalidInput, "the session is not for this url")
}

/// Unix milliseconds to whole seconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
fn to_seconds(milliseconds: f64) -> u64 {
    (milliseconds / 1_000.0) as u64
}

#[cfg(test)]
mod tests;
