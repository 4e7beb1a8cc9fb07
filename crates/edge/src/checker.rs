//! One verifier's state, and the decision over it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use doorkey_core::{ContentDigest, Error, ErrorCode, JwkSet, KeyId, Thumbprint, to_base64url};
use doorkey_verifier::{
    Charged, Decision, Examined, JWKS_PATH, Kept, KeyRing, Marked, Moment, Policy, Principal, Refusal, Rejection,
    ReplayMemory, TokenCache, Unmarked, UsedProof,
};
use http::HeaderMap;

use crate::head::Head;
use crate::link::Link;
use crate::options::{Options, invalid};
use crate::report::At;

/// Checks requests: a policy, the issuer's keys, and the memory of what was accepted.
#[derive(Debug)]
pub struct Checker {
    policy: Policy,
    ring: KeyRing,
    tokens: TokenCache,
    replay: ReplayMemory,
    link: Option<Link>,
}

/// A request of which everything but the body has been looked at.
#[derive(Debug)]
pub struct Examination {
    outcome: Result<Examined, Unknown>,
    announces_body: bool,
}

/// What has to be known before more can be said of a request.
#[derive(Debug)]
enum Unknown {
    IssuerKey(Thumbprint),
    /// The directory has no such key.
    Client(KeyId),
    /// The directory has no such key of the issuer's.
    DirectoryKey(Thumbprint),
    /// The directory is too old to say anything of this request.
    Stale(Refusal),
}

impl From<Unknown> for Refusal {
    fn from(unknown: Unknown) -> Self {
        let rejection = match unknown {
            Unknown::IssuerKey(kid) | Unknown::DirectoryKey(kid) => Rejection::IssuerKeyUnknown(kid),
            Unknown::Client(key) => Rejection::KeyUnknown(key),
            Unknown::Stale(refusal) => return refusal,
        };
        rejection.into_refusal()
    }
}

impl Examination {
    /// The issuer's key that was not among the known ones, if that is why nothing more is known of the request. With a
    /// directory there is none: that tells of the issuer's keys, too.
    pub fn unknown_key(&self) -> Option<&Thumbprint> {
        match &self.outcome {
            Err(Unknown::IssuerKey(kid)) => Some(kid),
            _ => None,
        }
    }

    /// Whether nothing more is known of the request because the directory is too old. It counts for no refusal before it is
    /// entered: what is examined again may be accepted.
    pub fn is_stale(&self) -> bool {
        matches!(self.outcome, Err(Unknown::Stale(_)))
    }

    /// Whether nothing more is known of the request because the directory does not have a key.
    pub fn is_unknown_client(&self) -> bool {
        matches!(self.outcome, Err(Unknown::Client(_) | Unknown::DirectoryKey(_)))
    }
}

/// A request whose proof is used up, and of which only the body has not been looked at.
#[derive(Debug)]
pub struct Entered {
    marked: Marked,
    /// Given back only if a store that is shared does not take the proof: whatever comes of the body, the proof has its
    /// place in the memory here, and nobody may fill that at no charge.
    kept: Option<Kept>,
    covers_no_body: bool,
}

impl Entered {
    /// What a store that is shared has to remember; nothing of what may come again.
    pub fn proof(&self) -> Option<String> {
        let key = self.marked.proof().filter(|used| !used.is_reusable())?.key();
        Some(to_base64url(key.jkt.as_bytes()) + "." + &to_base64url(key.nonce.as_bytes()))
    }

    /// Whether nothing covers the body, so that it need not be read here.
    pub fn covers_no_body(&self) -> bool {
        self.covers_no_body
    }

    /// When the proof was made, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.marked.proof().map_or(0, UsedProof::created)
    }

    /// Until when the proof would be taken here, in Unix seconds.
    pub fn until(&self) -> u64 {
        self.marked.proof().map_or(0, UsedProof::until)
    }
}

/// What JavaScript hears of an accepted request.
#[derive(serde::Serialize)]
struct AcceptedJson<'a> {
    #[serde(flatten)]
    principal: Principal,
    rate_limit_headers: BTreeMap<&'a str, &'a str>,
}

/// Headers that stand once each, and are text.
fn texts(headers: &HeaderMap) -> BTreeMap<&str, &str> {
    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

impl Checker {
    /// A verifier that knows no keys yet. It refuses proofs that were made before `since` (Unix seconds), and keys its
    /// tables by `secret`, 16 random bytes.
    ///
    /// Fails with [`ErrorCode::InvalidInput`].
    pub fn new(options: &Options, since: u64, secret: &[u8]) -> Result<Self, Error> {
        let policy = options.to_policy()?;
        let secret = secret.try_into().map_err(|_| invalid("random yields as many bytes as are asked for"))?;
        let (capacity, session) = (options.replay_capacity(), ReplayMemory::DEFAULT_SESSION_CAPACITY);
        let replay = ReplayMemory::new(capacity, session, policy.skew()).with_secret(secret).with_start(since);
        let tokens = TokenCache::new(TokenCache::DEFAULT_CAPACITY);
        Ok(Self { policy, ring: KeyRing::default(), tokens, replay, link: None })
    }

    /// Follows the issuer's directory with a verifier's credential; `stream` is 12 random bytes.
    ///
    /// Fails as [`Options::credential`] does.
    pub fn with_credential(self, options: &Options, credential: &str, stream: &[u8]) -> Result<Self, Error> {
        let link = Link::new(options.credential(credential)?, options.max_staleness(), stream)?;
        Ok(Self { link: Some(link), ..self })
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

    /// The verifier's side of its issuer, with a credential.
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// The same, to be changed.
    pub fn link_mut(&mut self) -> Option<&mut Link> {
        self.link.as_mut()
    }

    /// Takes note of an attempt to fetch the issuer's keys.
    pub fn note_keys(&mut self, document: Option<&[u8]>, now: At) {
        self.ring.note(document, now.0);
    }

    /// Checks everything but the body; `peer` is who is at the other end of the connection, if that is known.
    pub fn examine(&self, head: &Head<'_>, peer: Option<IpAddr>, now: &Moment) -> Result<Examination, Refusal> {
        self.told(now, || {
            let request = head.as_request(peer)?;
            let outcome = match self.decide(&self.keys(), now).examine(&request) {
                Ok(examined) => {
                    // What nothing covers need not be read here.
                    if !examined.covers_no_body() {
                        request.check_announced_body(self.policy.body_limit())?;
                    }
                    Ok(examined)
                }
                Err(Rejection::IssuerKeyUnknown(kid)) if self.link.is_some() => Err(Unknown::DirectoryKey(kid)),
                Err(Rejection::IssuerKeyUnknown(kid)) => Err(Unknown::IssuerKey(kid)),
                Err(Rejection::KeyUnknown(key)) => Err(Unknown::Client(key)),
                Err(rejection) => {
                    let refusal = rejection.into_refusal();
                    if refusal.error().code() != ErrorCode::DirectoryStale {
                        return Err(refusal);
                    }
                    Err(Unknown::Stale(refusal))
                }
            };
            Ok(Examination { outcome, announces_body: head.announces_body() })
        })
    }

    /// Charges the request to its key, and marks the proof as used. Unless the verifier is given a body none may be
    /// announced that is signed: a handler could find one that nobody looked at.
    pub fn enter(&self, examination: Examination, has_body: bool, now: &Moment) -> Result<Entered, Refusal> {
        self.told(now, || {
            let examined = examination.outcome?;
            let covers_no_body = examined.covers_no_body();
            if examination.announces_body && !has_body && !covers_no_body {
                let detail = "the verifier was not given the body that the head announces";
                return Err(Error::new(ErrorCode::ComponentsIncomplete, detail).into());
            }
            let charged = self.link.as_ref().map(|link| link.charge(&examined, now)).transpose()?;
            let marked = self.decide(&self.keys(), now).mark(examined)?;
            Ok(Entered { marked, kept: charged.map(Charged::keep), covers_no_body })
        })
    }

    /// Refuses a request whose proof a store that is shared does not take; what it was charged it gets back.
    pub fn refuse(&self, entered: Entered, unmarked: Unmarked, now: &Moment) -> Refusal {
        let refusal = Refusal::from(unmarked).about(entered.marked.key_id());
        if let Some(kept) = entered.kept {
            kept.give_back();
        }
        self.tell(&refusal, now);
        refusal
    }

    /// Accepts a request whose body has `length` bytes and this SHA-256; the principal as JSON, and with it what the answer
    /// shall say of its limits.
    pub fn accept(&self, entered: Entered, length: u64, digest: [u8; 32], now: &Moment) -> Result<String, Refusal> {
        self.told(now, || {
            let Entered { marked, kept, .. } = entered;
            let keys = self.keys();
            let accepted = self.decide(&keys, now).accept_hashed(marked, length, ContentDigest::from_bytes(digest))?;
            if let (Some(link), Some(kept)) = (&self.link, &kept) {
                link.count(&accepted, kept, now);
            }
            let mut headers = HeaderMap::new();
            if let Some(kept) = &kept {
                kept.state_limit(&mut headers);
            }
            let principal = Principal::from(accepted);
            Ok(serde_json::to_string(&AcceptedJson { principal, rate_limit_headers: texts(&headers) })
                .unwrap_or_default())
        })
    }

    /// Decides, and has the issuer told of a refusal.
    fn told<T>(&self, now: &Moment, decide: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
        decide().inspect_err(|refusal| self.tell(refusal, now))
    }

    fn tell(&self, refusal: &Refusal, now: &Moment) {
        if let Some(link) = &self.link {
            link.count_refused(refusal, now);
        }
    }

    fn keys(&self) -> Arc<JwkSet> {
        match &self.link {
            Some(link) => link.directory().keys(),
            None => Arc::clone(self.ring.keys()),
        }
    }

    fn decide<'a>(&'a self, keys: &'a JwkSet, now: &Moment) -> Decision<'a> {
        let decision = Decision::new(&self.policy, keys, &self.tokens, &self.replay, *now);
        match &self.link {
            Some(link) => decision.with_directory(link.directory(), link.secret_keys()),
            None => decision,
        }
    }
}

#[cfg(test)]
mod tests;
