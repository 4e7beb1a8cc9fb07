//! Rate limits of the mint and of who manages, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId, Origin, SignInId, VerifierId};
use doorkey_verifier::{Clock, ReachedLimit, Refusal};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::settings::MintLimits;
use doorkey_verifier::network;

/// The period that limits are told for.
const WINDOW: Duration = Duration::from_mins(1);
/// How many keys, addresses or origins a limit follows one by one; about 6 MB when full.
const MAX_TRACKED: usize = 65_536;
/// How often what has recovered is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// What one member may ask for in a minute: far more than a person or a script needs, far less than a flood.
const PER_SIGN_IN: NonZeroU32 = NonZeroU32::new(6000).unwrap();
/// What one address may try in a minute without having signed in.
const PER_VISITOR: NonZeroU32 = NonZeroU32::new(120).unwrap();

/// What one verifier may report in a minute: a busy one reports once in some seconds.
const PER_VERIFIER: NonZeroU32 = NonZeroU32::new(20 * 60).unwrap();

/// The mint's three limits, those of who manages, and that of who reports.
#[derive(Debug)]
pub(crate) struct Limits {
    sign_ins: Limit<SignInId>,
    visitors: Limit<IpAddr>,
    unknown_cookies: Limit<IpAddr>,
    verifiers: Limit<VerifierId>,
    keys: Option<Limit<KeyId>>,
    addresses: Option<Limit<IpAddr>>,
    origins: Option<Limit<Origin>>,
}

impl Limits {
    pub(crate) fn new(limits: MintLimits, clock: &Arc<dyn Clock>) -> Self {
        Self {
            sign_ins: Limit::new("sign-in", PER_SIGN_IN, clock, MAX_TRACKED),
            visitors: Limit::new("visitor", PER_VISITOR, clock, MAX_TRACKED),
            unknown_cookies: Limit::new("visitor", PER_VISITOR, clock, MAX_TRACKED),
            verifiers: Limit::new("verifier", PER_VERIFIER, clock, MAX_TRACKED),
            keys: limits.per_key.map(|quota| Limit::new("key", quota, clock, MAX_TRACKED)),
            addresses: limits.per_address.map(|quota| Limit::new("address", quota, clock, MAX_TRACKED)),
            origins: limits.per_origin.map(|quota| Limit::new("origin", quota, clock, MAX_TRACKED)),
        }
    }

    /// Counts one request of a member.
    pub(crate) fn check_sign_in(&self, sign_in: SignInId) -> Result<(), Refusal> {
        self.sign_ins.check(&sign_in)
    }

    /// Counts one request of somebody who has not signed in.
    pub(crate) fn check_visit(&self, address: IpAddr) -> Result<(), Refusal> {
        self.visitors.check(&network(address))
    }

    /// Whether somebody at this address may present a cookie. Nothing is counted: whoever has signed in has a limit of
    /// their own.
    pub(crate) fn check_cookie(&self, address: IpAddr) -> Result<(), Refusal> {
        self.unknown_cookies.look(&network(address))
    }

    /// Counts one cookie that is nobody's. It is apart from the visits, or those who visit could keep everybody at the
    /// same address from what they have signed in for.
    pub(crate) fn count_unknown_cookie(&self, address: IpAddr) -> Result<(), Refusal> {
        self.unknown_cookies.check(&network(address))
    }

    /// Counts one report of a verifier.
    pub(crate) fn check_report(&self, verifier: VerifierId) -> Result<(), Refusal> {
        self.verifiers.check(&verifier)
    }

    /// Counts one mint. The address comes first, so that one machine cannot use up what all pages share.
    pub(crate) fn check(&self, key: KeyId, address: IpAddr, origin: &Origin) -> Result<(), Refusal> {
        if let Some(limit) = &self.addresses {
            limit.check(&network(address))?;
        }
        if let Some(limit) = &self.keys {
            limit.check(&key)?;
        }
        if let Some(limit) = &self.origins {
            limit.check(origin)?;
        }
        Ok(())
    }
}

/// One limit, for each `K` on its own.
#[derive(Debug)]
struct Limit<K: Hash + Eq + Clone> {
    policy: &'static str,
    quota: NonZeroU32,
    limiter: RateLimiter<K, Tracked<K>, Monotonic, NoOpMiddleware<Duration>>,
    /// The same accounts, which it leaves as they are.
    looker: RateLimiter<K, Tracked<K>, Monotonic, NoOpMiddleware<Duration>>,
    last_sweep: Mutex<Duration>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(policy: &'static str, quota: NonZeroU32, clock: &Arc<dyn Clock>, capacity: usize) -> Self {
        let clock = Monotonic::new(Arc::clone(clock));
        let last_sweep = Mutex::new(governor::clock::Clock::now(&clock));
        let accounts = Tracked::new(capacity);
        let looker = RateLimiter::new(Quota::per_minute(quota), accounts.unchanged(), clock.clone());
        let limiter = RateLimiter::new(Quota::per_minute(quota), accounts, clock);
        Self { policy, quota, limiter, looker, last_sweep }
    }

    /// Counts one.
    fn check(&self, key: &K) -> Result<(), Refusal> {
        self.sweep();
        self.ask(&self.limiter, key)
    }

    /// What [`check`](Self::check) would say.
    fn look(&self, key: &K) -> Result<(), Refusal> {
        self.ask(&self.looker, key)
    }

    fn ask(
        &self,
        limiter: &RateLimiter<K, Tracked<K>, Monotonic, NoOpMiddleware<Duration>>,
        key: &K,
    ) -> Result<(), Refusal> {
        limiter.check_key(key).map_err(|refused| {
            let now = governor::clock::Clock::now(limiter.clock());
            let detail = match self.policy {
                "sign-in" => "too many requests of one sign-in",
                "verifier" => "too many reports of this verifier",
                "visitor" => "too many requests from this address",
                "address" => "too many sessions from this address",
                "origin" => "too many sessions from this origin",
                _ => "too many sessions with this key",
            };
            Refusal::from(Error::new(ErrorCode::RateLimited, detail))
                .with_retry_after(refused.wait_time_from(now))
                .with_limit(ReachedLimit { policy: self.policy, quota: self.quota.get().into(), window: WINDOW })
        })
    }

    fn sweep(&self) {
        let now = governor::clock::Clock::now(self.limiter.clock());
        let mut last = self.last_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(*last) >= SWEEP_EVERY {
            *last = now;
            drop(last);
            self.limiter.retain_recent();
        }
    }
}

/// The wall clock made monotonic: a clock that is set back must not lock everybody out until it has caught up.
#[derive(Clone, Debug)]
struct Monotonic {
    clock: Arc<dyn Clock>,
    /// What the clock said last, and what has passed since the start.
    seen: Arc<Mutex<(Duration, Duration)>>,
}

impl Monotonic {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Arc::new(Mutex::new((clock.since_epoch(), Duration::ZERO)));
        Self { clock, seen }
    }
}

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.since_epoch();
        let passed = seen.1 + now.saturating_sub(seen.0);
        *seen = (now, passed);
        passed
    }
}

/// The limiter's memory. Once it is full, all whom it does not follow yet share one account until others are forgotten:
/// somebody with many addresses cannot make it grow, and cannot make it forget either.
#[derive(Debug)]
struct Tracked<K> {
    capacity: usize,
    counts: bool,
    accounts: Arc<Mutex<Accounts<K>>>,
}

#[derive(Debug)]
struct Accounts<K> {
    own: HashMap<K, Nanos>,
    shared: Option<Nanos>,
}

impl<K: Hash + Eq + Clone> Tracked<K> {
    fn new(capacity: usize) -> Self {
        let accounts = Arc::new(Mutex::new(Accounts { own: HashMap::new(), shared: None }));
        Self { capacity, counts: true, accounts }
    }

    /// The same accounts, to look at.
    fn unchanged(&self) -> Self {
        Self { capacity: self.capacity, counts: false, accounts: Arc::clone(&self.accounts) }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Tracked<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = accounts.own.len() >= self.capacity;
        if let Some(account) = accounts.own.get_mut(key) {
            let (outcome, next) = f(Some(*account))?;
            if self.counts {
                *account = next;
            }
            return Ok(outcome);
        }
        let (outcome, next) = f(if is_full { accounts.shared } else { None })?;
        if !self.counts {
            return Ok(outcome);
        }
        if is_full {
            accounts.shared = Some(next);
        } else {
            accounts.own.insert(key.clone(), next);
        }
        Ok(outcome)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Tracked<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.own.retain(|_, &mut account| account > drop_below);
    }

    fn len(&self) -> usize {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).own.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use doorkey_verifier::Clock;

    use super::Limit;

    #[derive(Debug)]
    struct Hand(Mutex<Duration>);

    impl Hand {
        fn set(&self, seconds: u64) {
            *self.0.lock().unwrap() = Duration::from_secs(seconds);
        }
    }

    impl Clock for Hand {
        fn since_epoch(&self) -> Duration {
            *self.0.lock().unwrap()
        }
    }

    fn limit(capacity: usize) -> (Arc<Hand>, Limit<u32>) {
        let hand = Arc::new(Hand(Mutex::new(Duration::from_secs(1_700_000_000))));
        let clock: Arc<dyn Clock> = hand.clone();
        (hand, Limit::new("key", NonZeroU32::new(6).unwrap(), &clock, capacity))
    }

    fn allowed(limit: &Limit<u32>, key: u32) -> usize {
        (0..20).take_while(|_| limit.check(&key).is_ok()).count()
    }

    #[test]
    fn a_window_may_be_used_at_once_and_fills_up_evenly() {
        let (hand, limit) = limit(8);
        assert_eq!((allowed(&limit, 1), allowed(&limit, 2)), (6, 6));
        assert_eq!(limit.check(&1).unwrap_err().retry_after(), Some(Duration::from_secs(10)));
        hand.set(1_700_000_010);
        assert_eq!(allowed(&limit, 1), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (hand, limit) = limit(8);
        assert_eq!(allowed(&limit, 1), 6);
        hand.set(1_600_000_000);
        assert_eq!(allowed(&limit, 1), 0);
        hand.set(1_600_000_060);
        assert_eq!(allowed(&limit, 1), 6);
    }

    #[test]
    fn who_looks_does_not_count() {
        let (hand, limit) = limit(2);
        assert!((0..20).all(|_| limit.look(&1).is_ok()));
        assert_eq!(limit.limiter.len(), 0);
        assert_eq!(allowed(&limit, 1), 6);
        assert_eq!(limit.look(&1).unwrap_err().retry_after(), Some(Duration::from_secs(10)));
        assert!(limit.look(&2).is_ok());
        hand.set(1_700_000_010);
        assert!((0..20).all(|_| limit.look(&1).is_ok()));
        assert_eq!((allowed(&limit, 1), allowed(&limit, 2), allowed(&limit, 3)), (1, 6, 6));
        assert!(limit.look(&4).is_err(), "what all others share");
    }

    #[test]
    fn memory_is_bounded_and_recovers() {
        let (hand, limit) = limit(2);
        assert_eq!((allowed(&limit, 1), allowed(&limit, 2)), (6, 6));
        assert_eq!((allowed(&limit, 3), allowed(&limit, 4)), (6, 0));
        assert_eq!(limit.limiter.len(), 2);
        hand.set(1_700_000_120);
        assert_eq!(allowed(&limit, 5), 6);
        assert_eq!(limit.limiter.len(), 1);
    }
}
