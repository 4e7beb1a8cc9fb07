//! A verifier, put together: the decision, and what it asks of the world around it.

mod body;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{Error, JwkSet, Origin};
use tokio::sync::Semaphore;

use crate::ambient::{Clock, Entropy, SystemClock, SystemEntropy};
#[cfg(feature = "gate")]
use crate::decision::AnnouncedBody;
use crate::decision::{Accepted, Decision, Examined, Rejection};
use crate::directory::Directory;
use crate::issuer_client::IssuerLink;
use crate::keys::KeySource;
use crate::limit::Restriction;
use crate::limits::{Allowance, Charge, LimitState, Limits, Subject};
use crate::metrics::{Levels, Meter};
use crate::network::network;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::redis::SharedReplay;
use crate::refusal::{Refusal, RequestId};
use crate::replay::ReplayMemory;
use crate::request::RequestHead;
use crate::secret_keys::SecretKeyCache;
use crate::tokens::TokenCache;
use crate::usage::Outcome;

pub(crate) use body::Incoming;

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
}

/// How long a request waits for the directory to say whether a key was just made.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How many do at once: ids of keys are for anyone to make up.
const MAX_WAITING: usize = 256;

/// A request that may go on to its handler.
pub(crate) struct Admitted<B> {
    pub(crate) principal: Principal,
    /// The limit of which least is left.
    pub(crate) limit: Option<LimitState>,
    pub(crate) body: Received<B>,
}

/// A request's body, as far as it was looked at.
pub(crate) enum Received<B> {
    /// It was read and compared with what was signed.
    Read(Bytes),
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
        let replay = self.replay.with_start(self.clock.now());
        Arc::new(Self { replay, ..self })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Refuses a caller that was accepted, if its key would not be now. How old its proof or its token is matters no more.
    pub(crate) fn check_still(&self, principal: &Principal) -> Result<(), Error> {
        self.decision(&self.keys()).check_still(principal.accepted())
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
        let verdict = match self.examine(head, &mut watch).await {
            Ok(examined) => match examined.check_announced(announced) {
                Ok(()) => self.accept(examined, None).await,
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        self.tell(verdict.as_ref().err(), &watch);
        verdict
    }

    async fn admit_in<B: Incoming>(
        &self,
        head: &RequestHead<'_>,
        body: B,
        watch: &mut Watch<'_>,
    ) -> Result<Admitted<B>, Refusal> {
        let limit = self.policy.body_limit();
        let examined = match self.examine(head, watch).await {
            Ok(examined) if examined.covers_no_body() => {
                let (principal, limit) = self.accept(examined, None).await?;
                return Ok(Admitted { principal, limit, body: Received::Unread(body) });
            }
            Ok(examined) => body::check_announced(head.headers, limit).map(|()| examined).map_err(Refusal::from),
            Err(refusal) => Err(refusal),
        };
        let examined = match examined {
            Ok(examined) => examined,
            Err(refusal) => {
                watch.pause(body::drain(body)).await;
                return Err(refusal);
            }
        };
        let bytes = watch.pause(body::read(body, limit)).await?;
        let (principal, limit) = self.accept(examined, Some(&bytes)).await?;
        Ok(Admitted { principal, limit, body: Received::Read(bytes) })
    }

    /// Checks everything but the body; what is not known yet is waited for, within bounds.
    async fn examine(&self, head: &RequestHead<'_>, watch: &mut Watch<'_>) -> Result<Examined, Refusal> {
        let keys = self.keys();
        let examined = match self.decision(&keys).examine(head) {
            Err(Rejection::IssuerKeyUnknown(kid)) if self.directory.is_none() => {
                let keys = watch.pause(self.keys.refresh(&kid)).await?;
                self.decision(&keys).examine(head)
            }
            Err(Rejection::IssuerKeyUnknown(_) | Rejection::KeyUnknown(_)) if self.directory.is_some() => {
                watch.pause(self.wait_for_news()).await;
                self.decision(&self.keys()).examine(head)
            }
            examined => examined,
        };
        examined.map_err(Rejection::into_refusal)
    }

    /// Waits until the directory is as new as this request: the key may have been made a moment ago.
    async fn wait_for_news(&self) {
        let (Some(directory), Ok(_permit)) = (&self.directory, self.waiting.try_acquire()) else { return };
        let asked_at = self.clock.moment();
        let news = directory.wait_for(|complete_at| complete_at.monotonic >= asked_at.monotonic);
        // Whether it came or not: what is known then decides.
        drop(tokio::time::timeout(PATIENCE, news).await);
    }

    async fn accept(
        &self,
        examined: Examined,
        body: Option<&[u8]>,
    ) -> Result<(Principal, Option<LimitState>), Refusal> {
        let accepted = {
            let keys = self.keys();
            let decision = self.decision(&keys);
            match body {
                Some(body) => decision.accept(examined, body)?,
                None => decision.accept_without_body(examined)?,
            }
        };
        let admit = async {
            let taken = self.limits.take(&self.charges(&accepted), self.clock.moment()).await?;
            if let Err(refusal) = self.mark_everywhere(&accepted).await {
                // Who replays what somebody else has signed uses up nothing of theirs.
                self.limits.refund(&taken);
                return Err(refusal);
            }
            Ok(taken)
        };
        let taken = admit.await.map_err(|refusal| refusal.about(accepted.key_id()))?;
        self.count(&accepted, &taken.shadowed);
        Ok((Principal::from(accepted), taken.tightest))
    }

    /// What the request is charged to.
    fn charges(&self, accepted: &Accepted) -> Vec<Charge> {
        let mut charges = Vec::new();
        if let Some(key) = accepted.key() {
            let mut charge = |subject, allowance, policy, restriction| {
                let is_shadow = key.policy.shadow.contains(&restriction);
                charges.push(Charge { subject, allowance, policy, restriction: Some(restriction), is_shadow });
            };
            if let Some(limit) = key.policy.rate_limit {
                charge(Subject::Key(key.id), Allowance::Rate(limit), "key", Restriction::RateLimit);
            }
            if let Some(quota) = key.policy.monthly_quota {
                charge(Subject::Quota(key.id), Allowance::Monthly(quota), "quota", Restriction::MonthlyQuota);
            }
        }
        let mut charge = |subject, limit, policy| {
            let allowance = Allowance::Rate(limit);
            charges.push(Charge { subject, allowance, policy, restriction: None, is_shadow: false });
        };
        if let (Some(limit), Some(claims)) = (self.limits.session(), accepted.claims()) {
            charge(Subject::Session(claims.jti), limit, "session");
        }
        if let Some(limit) = self.limits.address() {
            // Callers of whom nothing is known are one.
            let client = accepted.client().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            charge(Subject::Address(network(client)), limit, "address");
        }
        charges
    }

    /// Marks the proof as used for all verifiers that share the memory.
    async fn mark_everywhere(&self, accepted: &Accepted) -> Result<(), Refusal> {
        match (&self.shared_replay, accepted.proof()) {
            (Some(shared), Some(used)) if !used.is_reusable => shared.mark(&used.key, used.created, used.until).await,
            _ => Ok(()),
        }
    }

    fn count(&self, accepted: &Accepted, shadowed: &[Restriction]) {
        let Some(issuer) = &self.issuer else { return };
        let (key, now) = (accepted.key_id(), self.clock.now());
        issuer.note(key, Outcome::Accepted, now);
        for restriction in accepted.shadowed().iter().chain(shadowed) {
            issuer.note(key, Outcome::Shadowed(*restriction), now);
        }
    }

    fn tell(&self, refusal: Option<&Refusal>, watch: &Watch<'_>) {
        if let (Some(issuer), Some(refusal)) = (&self.issuer, refusal)
            && let Some(key) = refusal.key()
        {
            issuer.note(key, Outcome::Refused(refusal.error().code()), self.clock.now());
        }
        self.meter.decided(refusal.map(|refusal| refusal.error().code()), watch.elapsed());
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

/// Measures a decision, without its waits for others.
struct Watch<'a> {
    clock: &'a dyn Clock,
    since: Duration,
    paused: Duration,
}

impl<'a> Watch<'a> {
    fn begin(clock: &'a dyn Clock) -> Self {
        Self { clock, since: clock.monotonic(), paused: Duration::ZERO }
    }

    async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let since = self.clock.monotonic();
        let done = wait.await;
        self.paused += self.clock.monotonic().saturating_sub(since);
        done
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.since).saturating_sub(self.paused)
    }
}
