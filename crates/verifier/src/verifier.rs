//! A verifier, put together: the decision, and what it asks of the world around it.

mod body;
mod charges;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{Error, ErrorCode, JwkSet, Origin};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::ambient::{Clock, Entropy, Moment, SystemClock, SystemEntropy};
#[cfg(feature = "gate")]
use crate::decision::AnnouncedBody;
use crate::decision::{Accepted, Decision, Examined, Marked, Rejection};
use crate::directory::Directory;
use crate::issuer_client::IssuerLink;
use crate::keys::KeySource;
use crate::limit::Restriction;
use crate::limits::{Kept, LimitState, Limits};
use crate::metrics::{Levels, Meter};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::redis::SharedReplay;
use crate::refusal::{Refusal, RequestId};
use crate::replay::ReplayMemory;
use crate::request::RequestHead;
use crate::secret_keys::SecretKeyCache;
use crate::tokens::TokenCache;

use self::watch::Watch;
pub(crate) use body::{Held, Incoming};

/// Checks requests in the API's own process: a policy, the issuer's keys, and the memory of what was accepted.
///
/// ```
/// use axum::{Json, Router, routing::get};
/// use doorkey_verifier::{Policy, Principal, Verifier};
///
/// let policy = Policy::new("https://keys.example.com", "https://api.example.com")?;
/// let app: Router = Router::new()
///     .route("/whoami", get(|principal: Principal| async { Json(principal) }))
///     .layer(Verifier::new(policy)?.into_layer());
/// # Ok::<(), doorkey_verifier::Error>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    policy: Policy,
    keys: KeySource,
    directory: Option<Arc<Directory>>,
    issuer: Option<IssuerLink>,
    tokens: TokenCache,
    secret_keys: SecretKeyCache,
    replay: ReplayMemory,
    shared_replay: Option<SharedReplay>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    meter: Meter,
    /// How many requests wait for news of keys that are not known yet.
    waiting: Semaphore,
    /// Memory for bodies, in KiB.
    bodies: Arc<Semaphore>,
}

/// How long a request waits for the directory to say whether a key was just made.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How many bytes of bodies are held at once, of all requests together.
const BODY_MEMORY: usize = 256 * 1024 * 1024;
/// How many do at once: ids of keys are for anyone to make up.
const MAX_WAITING: usize = 256;

/// A request that may go on to its handler.
pub(crate) struct Admitted<B> {
    pub(crate) principal: Principal,
    /// The limit of which least is left.
    pub(crate) limit: Option<LimitState>,
    pub(crate) body: Received<B>,
}

/// A request of which nothing is missing but its body: it was charged, and its proof is used up.
struct Entered {
    kept: Kept,
    marked: Marked,
}

/// A request's body, as far as it was looked at.
pub(crate) enum Received<B> {
    /// It was read and compared with what was signed; the memory that it takes is given back with the second.
    Read(Bytes, Held),
    /// Nothing covers it, and nobody has read it.
    Unread(B),
}

impl Verifier {
    /// A verifier of session tokens, which fetches the issuer's keys when the first token arrives. It learns of what was
    /// revoked by tokens that expire, and takes no secret keys: for both give it a [directory](Self::with_directory).
    pub fn new(policy: Policy) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            keys: KeySource::remote(policy.issuer(), Arc::clone(&clock))?,
            directory: None,
            issuer: None,
            tokens: TokenCache::new(TokenCache::DEFAULT_CAPACITY),
            secret_keys: SecretKeyCache::new(SecretKeyCache::DEFAULT_CAPACITY),
            replay: ReplayMemory::new(
                ReplayMemory::DEFAULT_CAPACITY,
                ReplayMemory::DEFAULT_SESSION_CAPACITY,
                policy.skew(),
            ),
            shared_replay: None,
            limits: Limits::new(),
            bodies: body::memory(BODY_MEMORY.max(policy.body_limit())),
            policy,
            clock,
            entropy: Arc::new(SystemEntropy),
            meter: Meter::new(),
            waiting: Semaphore::new(MAX_WAITING),
        })
    }

    /// Takes the issuer's keys from elsewhere.
    pub fn with_keys(self, keys: KeySource) -> Self {
        Self { keys, ..self }
    }

    /// Decides by a directory, which somebody else keeps up to date: takes secret keys, and refuses what was revoked.
    /// The issuer's keys come from it, too.
    pub fn with_directory(self, directory: Arc<Directory>) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Follows the issuer: decides by its directory, takes secret keys, refuses what was revoked, and reports what keys
    /// were used for.
    pub fn with_issuer(self, issuer: IssuerLink) -> Self {
        Self { directory: Some(Arc::clone(issuer.directory())), issuer: Some(issuer), ..self }
    }

    /// Holds at most so many bytes of bodies at once, of all requests together; 256 MiB without this. One body of the
    /// policy's limit always fits.
    pub fn with_body_memory(self, bytes: usize) -> Self {
        Self { bodies: body::memory(bytes.max(self.policy.body_limit())), ..self }
    }

    /// Remembers accepted proofs in `replay`, which must be made for the policy's skew.
    pub fn with_replay(self, replay: ReplayMemory) -> Self {
        Self { replay, ..self }
    }

    /// Shares the memory of accepted proofs with other verifiers of the same API. Its own memory stays in front.
    pub fn with_shared_replay(self, shared_replay: SharedReplay) -> Self {
        Self { shared_replay: Some(shared_replay), ..self }
    }

    /// Counts in `limits`, which may also limit sessions and addresses, be shared, or survive a restart. Without this the
    /// limits of keys are counted in memory.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes the time from `clock`.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Takes request ids from `entropy`.
    pub fn with_entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Begins to remember what is accepted.
    pub(crate) fn begin(self) -> Arc<Self> {
        if self.shared_replay.is_some() {
            // It remembers what other processes have accepted, this one's predecessor included.
            return Arc::new(self);
        }
        // From the next second on: an earlier process may have accepted what was signed in this one.
        let replay = self.replay.with_start(self.clock.now() + 1);
        Arc::new(Self { replay, ..self })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Refuses a caller that was accepted, if its key would not be now. How old its proof or its token is matters no more.
    pub(crate) fn check_still(&self, principal: &Principal) -> Result<(), Refusal> {
        let still = self.decision(&self.keys()).check_still(principal.accepted().clone());
        still.map(drop).map_err(Rejection::into_refusal)
    }

    /// Waits until what is signed now will be taken: at most the rest of the second in which it was begun, for an earlier
    /// process may have accepted what was signed in that. Who listens after this refuses nobody for it.
    pub async fn ready(&self) {
        let since = Duration::from_secs(self.replay.since());
        tokio::time::sleep(since.saturating_sub(self.clock.since_epoch())).await;
    }

    pub(crate) fn request_id(&self) -> RequestId {
        RequestId::new(&*self.entropy)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Whether pages of this origin may call at all, as far as that is known.
    pub(crate) fn allows_origin(&self, origin: &[u8]) -> bool {
        let Some(directory) = &self.directory else { return true };
        let origin = std::str::from_utf8(origin).ok().and_then(|origin| origin.parse::<Origin>().ok());
        origin.is_some_and(|origin| directory.allows(&origin))
    }

    /// Tells the recorder of metrics how full and how old things are: before each time that they are collected.
    pub fn observe(&self) {
        let now = self.clock.moment();
        let levels = Levels {
            replay_entries: self.replay.entries(),
            directory_age: self.directory.as_ref().and_then(|directory| directory.age(&now)),
            directory_keys: self.directory.as_ref().map(|directory| directory.len()),
            subjects: self.limits.subjects(),
            leases: self.limits.leases(),
        };
        levels.record();
    }

    /// Accepts a request with its body, or refuses it.
    pub(crate) async fn admit<B: Incoming>(&self, head: &RequestHead<'_>, body: B) -> Result<Admitted<B>, Refusal> {
        let mut watch = Watch::begin(&*self.clock);
        let verdict = self.admit_in(head, body, &mut watch).await;
        self.tell(verdict.as_ref().err(), &watch);
        verdict
    }

    /// Accepts a request of whose body nothing is to be seen here but what was announced, or refuses it.
    #[cfg(feature = "gate")]
    pub(crate) async fn admit_head(
        &self,
        head: &RequestHead<'_>,
        announced: AnnouncedBody,
    ) -> Result<(Principal, Option<LimitState>), Refusal> {
        let mut watch = Watch::begin(&*self.clock);
        let verdict = self.admit_head_in(head, announced, &mut watch).await;
        self.tell(verdict.as_ref().err(), &watch);
        verdict
    }

    #[cfg(feature = "gate")]
    async fn admit_head_in(
        &self,
        head: &RequestHead<'_>,
        announced: AnnouncedBody,
        watch: &mut Watch<'_>,
    ) -> Result<(Principal, Option<LimitState>), Refusal> {
        let examined = self.examine(head, watch).await?;
        examined.check_announced(announced)?;
        let entered = self.enter(examined).await?;
        self.accept(entered, |decision, marked| decision.accept_unread(marked))
    }

    async fn admit_in<B: Incoming>(
        &self,
        head: &RequestHead<'_>,
        body: B,
        watch: &mut Watch<'_>,
    ) -> Result<Admitted<B>, Refusal> {
        let limit = self.policy.body_limit();
        let entered = match self.examine(head, watch).await {
            Ok(examined) if examined.covers_no_body() => {
                let entered = self.enter(examined).await?;
                let (principal, limit) = self.accept(entered, |decision, marked| decision.accept_unread(marked))?;
                return Ok(Admitted { principal, limit, body: Received::Unread(body) });
            }
            Ok(examined) => match head.check_announced_body(limit) {
                Ok(()) => self.enter(examined).await,
                Err(error) => Err(error.into()),
            },
            Err(refusal) => Err(refusal),
        };
        let entered = match entered {
            Ok(entered) => entered,
            Err(refusal) => {
                watch.pause(body::drain(body)).await;
                return Err(refusal);
            }
        };
        let (bytes, memory) = watch.pause(body::read(body, limit, &self.bodies)).await?;
        let (principal, limit) = self.accept(entered, |decision, marked| decision.accept(marked, &bytes))?;
        Ok(Admitted { principal, limit, body: Received::Read(bytes, memory) })
    }

    /// Checks everything but the body; what is not known yet is waited for, within bounds.
    async fn examine(&self, head: &RequestHead<'_>, watch: &mut Watch<'_>) -> Result<Examined, Refusal> {
        let until = Instant::now() + PATIENCE;
        let mut keys = self.keys();
        let mut examined = self.decision(&keys).examine(head);
        if examined.as_ref().is_err_and(|rejection| self.awaits_first_word(rejection)) {
            watch.pause(self.wait_for_news(until, |_| true)).await;
            keys = self.keys();
            examined = self.decision(&keys).examine(head);
        }
        let examined = match examined {
            Err(Rejection::IssuerKeyUnknown(kid)) if self.directory.is_none() => {
                let keys = watch.pause(self.keys.refresh(&kid)).await?;
                self.decision(&keys).examine(head)
            }
            Err(Rejection::IssuerKeyUnknown(_) | Rejection::KeyUnknown(_)) if self.directory.is_some() => {
                let asked_at = self.clock.moment();
                watch.pause(self.wait_for_news(until, |complete_at| complete_at.monotonic >= asked_at.monotonic)).await;
                self.decision(&self.keys()).examine(head)
            }
            examined => examined,
        };
        examined.map_err(Rejection::into_refusal)
    }

    /// Whether nothing can be said before the issuer has told the directory for the first time.
    fn awaits_first_word(&self, rejection: &Rejection) -> bool {
        let is_stale =
            matches!(rejection, Rejection::Refused(refusal) if refusal.error().code() == ErrorCode::DirectoryStale);
        is_stale && self.directory.as_ref().is_some_and(|directory| directory.complete_at().is_none())
    }

    /// Waits until the directory is new enough, for a key that may have been made a moment ago.
    async fn wait_for_news(&self, until: Instant, is_enough: impl Fn(&Moment) -> bool) {
        let (Some(directory), Ok(_permit)) = (&self.directory, self.waiting.try_acquire()) else { return };
        // Whether it came or not: what is known then decides.
        drop(timeout_at(until, directory.wait_for(is_enough)).await);
    }

    /// Charges the request, and only then marks its proof as used: what a limit refuses takes no place among what was
    /// accepted. What is charged is given back to a proof that is not new, here or in a store that is shared, and to who
    /// hangs up while that answers. After that it is kept, whatever comes of the body: the proof keeps its place, too.
    async fn enter(&self, examined: Examined) -> Result<Entered, Refusal> {
        let key = examined.request().key_id();
        let charged = self.charge(examined.request()).await.map_err(|refusal| refusal.about(key))?;
        let marked = self.decision(&self.keys()).mark(examined)?;
        if let (Some(shared), Some(used)) = (&self.shared_replay, marked.proof())
            && !used.is_reusable
        {
            let mark = shared.mark(&used.key, used.created, used.until).await;
            mark.map_err(|refusal| refusal.about(key))?;
        }
        Ok(Entered { kept: charged.keep(), marked })
    }

    /// Accepts a request as `decide` says, and counts it.
    fn accept(
        &self,
        Entered { kept, marked }: Entered,
        decide: impl FnOnce(Decision<'_>, Marked) -> Result<Accepted, Refusal>,
    ) -> Result<(Principal, Option<LimitState>), Refusal> {
        let accepted = decide(self.decision(&self.keys()), marked)?;
        self.count(&accepted, kept.shadowed());
        Ok((Principal::from(accepted), kept.tightest()))
    }

    fn count(&self, accepted: &Accepted, shadowed: &[Restriction]) {
        if let Some(issuer) = &self.issuer {
            issuer.counts().accepted(accepted, shadowed, self.clock.now());
        }
    }

    fn tell(&self, refusal: Option<&Refusal>, watch: &Watch<'_>) {
        if let (Some(issuer), Some(refusal)) = (&self.issuer, refusal) {
            issuer.counts().refused(refusal, self.clock.now());
        }
        self.meter.decided(refusal.map(|refusal| refusal.error().code()), watch.elapsed());
    }

    /// Counts a refusal that came before any decision.
    #[cfg(feature = "gate")]
    pub(crate) fn count_refusal(&self, refusal: &Refusal) {
        self.meter.refused(refusal.error().code());
    }

    fn keys(&self) -> Arc<JwkSet> {
        if let Some(directory) = &self.directory {
            return directory.keys();
        }
        self.keys.refresh_in_background();
        self.keys.current()
    }

    fn decision<'a>(&'a self, keys: &'a JwkSet) -> Decision<'a> {
        let decision = Decision::new(&self.policy, keys, &self.tokens, &self.replay, self.clock.moment());
        match &self.directory {
            Some(directory) => decision.with_directory(directory, &self.secret_keys),
            None => decision,
        }
    }
}
