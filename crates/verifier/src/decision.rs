//! The decision whether a request is accepted: synchronous, over borrowed data, without I/O.
//!
//! The order: size caps, form, policy, token, window, replay look-up, signature, replay mark, the body's digest, and once
//! more what the key may do. Limits are no part of it: who asks charges them between signature and mark. Cheap refusals
//! come first. A proof is used up before its body is read, however slowly that comes: so the window is one for
//! sending the head, and of two copies the second is refused before it has sent anything more.

mod accepted;
mod rules;
mod secret_key;
mod session;
mod signed_url;

use self::accepted::Caller;
pub use accepted::Accepted;

use std::net::IpAddr;

use doorkey_core::{ContentDigest, Error, ErrorCode, JwkSet, KeyId, RequestTarget, Thumbprint};

use crate::address::client_address;
use crate::ambient::Moment;
use crate::credential::Credential;
use crate::directory::Directory;
use crate::key_ring::not_published;
use crate::limit::Restriction;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::replay::ReplayMemory;
use crate::request::RequestHead;
use crate::secret_keys::SecretKeyCache;
use crate::signed::{BodyRule, ProofTerms, SignatureFields, UsedProof};
use crate::tokens::TokenCache;

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    policy: &'a Policy,
    keys: &'a JwkSet,
    tokens: &'a TokenCache,
    replay: &'a ReplayMemory,
    directory: Option<(&'a Directory, &'a SecretKeyCache)>,
    now: Moment,
}

/// Why a decision could not accept a request.
#[derive(Debug)]
pub enum Rejection {
    /// The token was signed with a key that is not among the known ones: look for newer keys and decide again.
    IssuerKeyUnknown(Thumbprint),
    /// The directory has no such key. If it was complete before the key can have been made, it may have it soon.
    KeyUnknown(KeyId),
    /// Refused, whatever else is known.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Rejection {
    /// The refusal that it is if nothing more can be learnt.
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::IssuerKeyUnknown(_) => not_published().into(),
            Self::KeyUnknown(_) => key_unknown().into(),
            Self::Refused(refusal) => refusal,
        }
    }

    fn about(self, key: KeyId) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.about(key)),
            other => other,
        }
    }
}

/// A request of which everything but the body has been checked.
#[derive(Debug)]
pub struct Examined {
    accepted: Accepted,
    proof: Option<UsedProof>,
    body: BodyRule,
}

impl Examined {
    /// Whose it is, if all goes well.
    pub(crate) fn request(&self) -> &Accepted {
        &self.accepted
    }

    /// Whether nothing covers the body, so that it need not be read here.
    pub fn covers_no_body(&self) -> bool {
        self.body == BodyRule::Free
    }

    /// Refuses an announced body that cannot be the one that the proof knows of.
    #[cfg(feature = "gate")]
    pub(crate) fn check_announced(&self, announced: AnnouncedBody) -> Result<(), Refusal> {
        let refuse = |code, detail| Err(Refusal::from(Error::new(code, detail)).about(self.accepted.key_id()));
        match (self.body, announced) {
            (BodyRule::Empty, AnnouncedBody::Length(1..) | AnnouncedBody::Unbounded) => {
                return refuse(ErrorCode::ComponentsIncomplete, "the request has a body that is not signed");
            }
            (BodyRule::Empty, AnnouncedBody::Unknown) => {
                return refuse(ErrorCode::ComponentsIncomplete, "it is not announced that the request has no body");
            }
            (BodyRule::Digest(_), AnnouncedBody::Length(0)) => {
                return refuse(ErrorCode::ComponentsIncomplete, "a body of zero bytes is no body");
            }
            _ => {}
        }
        let bound = self.accepted.claims().and_then(|claims| claims.doorkey.bind.as_ref()?.max_bytes());
        match (bound, announced) {
            (Some(most), AnnouncedBody::Length(length)) if length > most => {
                refuse(ErrorCode::BodyTooLarge, "the grant allows a smaller body")
            }
            (Some(_), AnnouncedBody::Unbounded | AnnouncedBody::Unknown | AnnouncedBody::Unlikely) => {
                refuse(ErrorCode::BodyTooLarge, "the grant bounds the body, whose length is not announced")
            }
            _ => Ok(()),
        }
    }
}

/// A request whose proof is used up, and whose body nobody has looked at yet.
#[derive(Debug)]
pub struct Marked(Examined);

impl Marked {
    /// The key that was used, or that the session was minted with.
    pub fn key_id(&self) -> KeyId {
        self.0.accepted.key_id()
    }

    /// The proof that was used up, if there is one.
    pub fn proof(&self) -> Option<&UsedProof> {
        self.0.proof.as_ref()
    }

    /// Compares a body with what was signed of it, and with what the grant allows.
    fn check_body(&self, length: u64, hash: impl FnOnce() -> ContentDigest) -> Result<(), Refusal> {
        self.0.body.check_hashed(length, hash)?;
        let bound = self.0.accepted.claims().and_then(|claims| claims.doorkey.bind.as_ref()?.max_bytes());
        if bound.is_some_and(|most| length > most) {
            return Err(Error::new(ErrorCode::BodyTooLarge, "the grant allows a smaller body").into());
        }
        Ok(())
    }
}

/// What is announced of a body that goes another way than its head.
#[cfg(feature = "gate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnnouncedBody {
    /// So many bytes, none included.
    Length(u64),
    /// There is one, of any length.
    Unbounded,
    /// Nothing was said, and there may be one.
    Unknown,
    /// Nothing was said, of a method whose bodies have no meaning; the service hears that nobody looked.
    Unlikely,
}

impl<'a> Decision<'a> {
    /// Decides by the issuer's public keys alone: about session tokens, until they expire.
    pub fn new(
        policy: &'a Policy,
        keys: &'a JwkSet,
        tokens: &'a TokenCache,
        replay: &'a ReplayMemory,
        now: Moment,
    ) -> Self {
        Self { policy, keys, tokens, replay, directory: None, now }
    }

    /// Decides by the directory, too: about secret keys, and about what was revoked.
    pub fn with_directory(self, directory: &'a Directory, secret_keys: &'a SecretKeyCache) -> Self {
        Self { directory: Some((directory, secret_keys)), ..self }
    }

    /// Checks everything but the body.
    pub fn examine(&self, request: &RequestHead<'_>) -> Result<Examined, Rejection> {
        let target = RequestTarget::parse(request.target)?;
        let signatures = SignatureFields::of(request.headers)?;
        match Credential::find(request.headers, target, &signatures, self.policy)? {
            Credential::Session { authorization, token } => {
                self.session(request, target, authorization, token, &signatures)
            }
            Credential::SignedUrl(url) => self.signed_url(request, &url),
            Credential::SecretKey(text) => self.secret_key(request, &text, &signatures),
            Credential::SignedByKey(proof) => self.signed_by_key(request, target, &proof),
        }
    }

    /// Marks the proof as used; a request without one counts as often as it comes.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`] for a proof that has expired since it was examined, and as
    /// [`ReplayMemory::mark`] does.
    pub fn mark(&self, examined: Examined) -> Result<Marked, Refusal> {
        let marked = examined.proof.map_or(Ok(()), |used| used.mark(self.replay, self.now.seconds()));
        marked.map_err(|refusal| refusal.about(examined.accepted.key_id()))?;
        Ok(Marked(examined))
    }

    /// Checks the body that has arrived, and accepts by what the key may do now. What was withdrawn meanwhile is refused.
    ///
    /// Fails with [`ErrorCode::DigestMismatch`], with [`ErrorCode::ComponentsIncomplete`] for a body that the proof
    /// does not know of, with [`ErrorCode::BodyTooLarge`] for one that the grant does not allow, and with the codes of keys
    /// that may not do this any more.
    pub fn accept(&self, marked: Marked, body: &[u8]) -> Result<Accepted, Refusal> {
        self.accept_checked(marked, |marked| marked.check_body(body.len() as u64, || ContentDigest::of(body)))
    }

    /// The same for a body of `length` bytes that was hashed elsewhere, which leaves it where it is.
    pub fn accept_hashed(&self, marked: Marked, length: u64, digest: ContentDigest) -> Result<Accepted, Refusal> {
        self.accept_checked(marked, |marked| marked.check_body(length, || digest))
    }

    /// Accepts without a look at the body. Whoever calls this says so to whom it hands the request on.
    pub(crate) fn accept_unread(&self, marked: Marked) -> Result<Accepted, Refusal> {
        self.accept_checked(marked, |_| Ok(()))
    }

    fn accept_checked(
        &self,
        marked: Marked,
        check: impl FnOnce(&Marked) -> Result<(), Refusal>,
    ) -> Result<Accepted, Refusal> {
        let key = marked.key_id();
        let checked = check(&marked).and_then(|()| {
            let Examined { accepted, proof, body } = marked.0;
            let still = self.check_still(accepted).map_err(Rejection::into_refusal)?;
            Ok(Accepted { proof, body, ..still })
        });
        checked.map_err(|refusal| refusal.about(key))
    }

    /// The first form of an accepted request: whose it is, and from where.
    fn caller(&self, caller: Caller, client: Option<IpAddr>, shadowed: Option<Restriction>) -> Result<Accepted, Error> {
        let settings = self.directory.and_then(|(directory, _)| directory.settings());
        let accepted = Accepted { caller, client, shadowed, proof: None, body: BodyRule::Free, settings };
        if self.policy.environment().is_some_and(|only| only != accepted.environment()) {
            return Err(Error::new(ErrorCode::WrongEnvironment, "this API is for keys of the other environment"));
        }
        if self.policy.workspace().is_some_and(|only| !accepted.is_for(only)) {
            return Err(Error::new(ErrorCode::WrongWorkspace, "this API is for keys of another workspace"));
        }
        Ok(accepted)
    }

    /// What a proof is held against.
    fn terms(&self, request: &RequestHead<'_>) -> ProofTerms<'a> {
        ProofTerms {
            authority: self.policy.origin_for(request.authority).authority(),
            now: self.now.seconds(),
            skew: self.policy.skew(),
            replay: self.replay,
        }
    }

    /// The client's address, as far as it is known.
    fn client(&self, request: &RequestHead<'_>) -> Option<IpAddr> {
        request.peer.map(|peer| client_address(peer, request.headers, self.policy.trusted_proxies()))
    }
}

fn key_unknown() -> Error {
    Error::new(ErrorCode::KeyUnknown, "there is no such key")
}
