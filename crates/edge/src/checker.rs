//! One verifier's state, and the decision over it.

use doorkey_core::{ContentDigest, Error, ErrorCode, Thumbprint, to_base64url};
use doorkey_verifier::{
    Decision, Examined, JWKS_PATH, KeyRing, Marked, Moment, Policy, Principal, Refusal, Rejection, ReplayMemory,
    TokenCache, UsedProof,
};

use crate::head::Head;
use crate::options::{Options, invalid};
use crate::report::At;

/// Checks requests: a policy, the issuer's keys, and the memory of what was accepted.
#[derive(Debug)]
pub struct Checker {
    policy: Policy,
    ring: KeyRing,
    tokens: TokenCache,
    replay: ReplayMemory,
}

/// A request of which everything but the body has been looked at.
#[derive(Debug)]
pub struct Examination {
    outcome: Result<Examined, Thumbprint>,
    announces_body: bool,
}

impl Examination {
    /// The issuer's key that was not among the known ones, if that is why nothing more is known of the request.
    pub fn unknown_key(&self) -> Option<&Thumbprint> {
        self.outcome.as_ref().err()
    }
}

/// A request whose proof is used up, and of which only the body has not been looked at.
#[derive(Debug)]
pub struct Entered(Marked);

impl Entered {
    /// What a store that is shared has to remember, and until when, in Unix seconds; nothing of what may come again.
    pub fn proof(&self) -> Option<(String, u64)> {
        let used = self.0.proof().filter(|used| !used.is_reusable())?;
        let key = used.key();
        let id = to_base64url(key.jkt.as_bytes()) + "." + &to_base64url(key.nonce.as_bytes());
        Some((id, used.until()))
    }

    /// When the proof was made, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.0.proof().map_or(0, UsedProof::created)
    }
}

impl Checker {
    /// A verifier that knows no keys yet. It refuses proofs that were made before `since` (Unix seconds), and keys its
    /// tables by `secret`, 16 random bytes.
    ///
    /// Fails with [`doorkey_core::ErrorCode::InvalidInput`].
    pub fn new(options: &Options, since: u64, secret: &[u8]) -> Result<Self, Error> {
        let policy = options.to_policy()?;
        let secret = secret.try_into().map_err(|_| invalid("random yields as many bytes as are asked for"))?;
        let (capacity, session) = (options.replay_capacity(), ReplayMemory::DEFAULT_SESSION_CAPACITY);
        let replay = ReplayMemory::new(capacity, session, policy.skew()).with_secret(secret).with_start(since);
        Ok(Self { policy, ring: KeyRing::default(), tokens: TokenCache::new(TokenCache::DEFAULT_CAPACITY), replay })
    }

    /// Where the issuer publishes its keys.
    pub fn jwks_url(&self) -> String {
        format!("{}{JWKS_PATH}", self.policy.issuer())
    }

    /// The most bytes of a body.
    pub fn body_limit(&self) -> usize {
        self.policy.body_limit()
    }

    /// The issuer's keys.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Takes note of an attempt to fetch the issuer's keys.
    pub fn note_keys(&mut self, document: Option<&[u8]>, now: At) {
        self.ring.note(document, now.0);
    }

    /// Checks everything but the body.
    pub fn examine(&self, head: &Head<'_>, now: At) -> Result<Examination, Refusal> {
        let request = head.as_request()?;
        let outcome = match self.decide(now).examine(&request) {
            Ok(examined) => {
                request.check_announced_body(self.policy.body_limit())?;
                Ok(examined)
            }
            Err(Rejection::IssuerKeyUnknown(kid)) => Err(kid),
            Err(rejection) => return Err(rejection.into_refusal()),
        };
        Ok(Examination { outcome, announces_body: head.announces_body() })
    }

    /// Marks the proof as used. Unless the verifier is given a body none may be announced: a handler could find one that
    /// nobody looked at.
    pub fn enter(&self, examination: Examination, has_body: bool, now: At) -> Result<Entered, Refusal> {
        let examined = examination.outcome.map_err(|kid| Rejection::IssuerKeyUnknown(kid).into_refusal())?;
        if examination.announces_body && !has_body {
            let detail = "the verifier was not given the body that the head announces";
            return Err(Error::new(ErrorCode::ComponentsIncomplete, detail).into());
        }
        Ok(Entered(self.decide(now).mark(examined)?))
    }

    /// Accepts a request whose body has `length` bytes and this SHA-256; the principal as JSON.
    pub fn accept(&self, entered: Entered, length: u64, digest: [u8; 32], now: At) -> Result<String, Refusal> {
        let accepted = self.decide(now).accept_hashed(entered.0, length, ContentDigest::from_bytes(digest))?;
        Ok(serde_json::to_string(&Principal::from(accepted)).unwrap_or_default())
    }

    fn decide(&self, now: At) -> Decision<'_> {
        let moment = Moment { wall: now.0, monotonic: now.0 };
        Decision::new(&self.policy, self.ring.keys(), &self.tokens, &self.replay, moment)
    }
}
