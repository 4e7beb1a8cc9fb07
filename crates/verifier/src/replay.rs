//! Replay protection in memory: bounded, atomic, and never forgetful while it matters.

mod unmarked;

pub use unmarked::Unmarked;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, MAX_PROOF_WINDOW, Nonce, Thumbprint};

use crate::refusal::{ReachedLimit, Refusal};

/// What makes two proofs the same: the key's thumbprint and the decoded nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayKey {
    /// The session key's thumbprint.
    pub jkt: Thumbprint,
    /// The proof's nonce.
    pub nonce: Nonce,
}

/// Remembers every accepted proof until it can no longer be accepted.
///
/// Entries live in two generations. A generation is dropped whole, and only once all in it has expired; when memory is
/// full, new proofs are refused with [`ErrorCode::ReplayCapacity`], for evicting a live entry *is* the replay attack.
/// Should the clock be set back after a drop, proofs that might have been in it are refused.
#[derive(Debug)]
pub struct ReplayMemory {
    shards: Box<[Mutex<Shard>]>,
    /// Chooses the shard by a secret: whoever chooses a key must not choose whom to crowd out.
    hasher: SecretState,
    entries: AtomicUsize,
    capacity: usize,
    session_capacity: usize,
    period: u64,
    /// Since when proofs have been remembered, in Unix seconds.
    since: u64,
}

type Generation = HashMap<[u8; 32], HashSet<[u8; 18], SecretState>, SecretState>;

/// What std has, and a secret of our own where that is not random: a wasm module has no source of randomness.
#[derive(Clone, Debug)]
struct SecretState {
    random: RandomState,
    secret: Option<[u8; 16]>,
}

impl BuildHasher for SecretState {
    type Hasher = <RandomState as BuildHasher>::Hasher;

    fn build_hasher(&self) -> Self::Hasher {
        let mut hasher = self.random.build_hasher();
        if let Some(secret) = &self.secret {
            hasher.write(secret);
        }
        hasher
    }
}

#[derive(Debug)]
struct Shard {
    current: Generation,
    previous: Generation,
    /// The latest expiry in each generation, in Unix seconds.
    current_until: u64,
    previous_until: u64,
    /// The latest expiry of anything that was dropped.
    dropped_until: u64,
    rotate_at: u64,
}

/// A lock is held for well under a microsecond, but for the moments in which a generation is freed.
const SHARDS: usize = 16;

impl ReplayMemory {
    /// The most entries by default, in all: some 16,000 requests a second, all the time; about 240 MB when full.
    pub const DEFAULT_CAPACITY: usize = 4_000_000;
    /// The most live entries of one session by default: some 60 requests a second, all the time.
    pub const DEFAULT_SESSION_CAPACITY: usize = 16_384;

    /// Memory for `capacity` live proofs in all and `session_capacity` of one key; `skew` is the policy's, in seconds.
    pub fn new(capacity: usize, session_capacity: usize, skew: u64) -> Self {
        let hasher = SecretState { random: RandomState::new(), secret: None };
        Self {
            shards: Shard::several(&hasher),
            hasher,
            entries: AtomicUsize::new(0),
            capacity,
            session_capacity,
            period: MAX_PROOF_WINDOW + 2 * skew,
            since: 0,
        }
    }

    /// Refuses proofs that were made before `since` (Unix seconds): an earlier process may have accepted them.
    pub fn with_start(self, since: u64) -> Self {
        Self { since, ..self }
    }

    /// Begins empty, with tables that are keyed by `secret`, too: for wasm, where the standard library's own key is the
    /// same in every instance, so that anyone could choose nonces that collide.
    pub fn with_secret(self, secret: [u8; 16]) -> Self {
        let hasher = SecretState { secret: Some(secret), ..self.hasher };
        Self { shards: Shard::several(&hasher), hasher, entries: AtomicUsize::new(0), ..self }
    }

    /// Since when proofs have been remembered, in Unix seconds.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }

    /// Whether the proof was marked before: a look that saves the signature check for a plain replay.
    pub fn contains(&self, key: &ReplayKey) -> bool {
        let shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        shard.contains(key)
    }

    /// Marks a proof as used until `until`; of two calls with the same key exactly one succeeds. Unix seconds.
    ///
    /// Fails with [`ErrorCode::Replayed`], or with [`ErrorCode::ReplayCapacity`] when there is no room, or with
    /// [`ErrorCode::WindowInvalid`] when the clock has been set back and the proof may have been forgotten.
    pub fn mark(&self, key: &ReplayKey, until: u64, now: u64) -> Result<(), Refusal> {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let freed = shard.rotate(now, self.period);
        self.entries.fetch_sub(freed, Ordering::Relaxed);
        if until <= shard.dropped_until {
            return Err(Unmarked::Before.into());
        }
        if shard.contains(key) {
            return Err(Unmarked::Replayed.into());
        }
        let wait = Duration::from_secs(shard.previous_until.max(shard.rotate_at).saturating_sub(now).max(1));
        let full = |policy, quota: usize| {
            let error =
                Error::new(ErrorCode::ReplayCapacity, "more requests within their validity than can be remembered");
            let limit = ReachedLimit { policy, quota: quota as u64, window: Duration::from_secs(self.period) };
            Err(Refusal::from(error).with_retry_after(wait).with_limit(limit))
        };
        if shard.session_entries(key.jkt.as_bytes()) >= self.session_capacity {
            return full("session", self.session_capacity);
        }
        if self.entries.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.entries.fetch_sub(1, Ordering::Relaxed);
            return full("verifier", self.capacity);
        }
        let nonces = || HashSet::with_hasher(self.hasher.clone());
        shard.current.entry(*key.jkt.as_bytes()).or_insert_with(nonces).insert(*key.nonce.as_bytes());
        shard.current_until = shard.current_until.max(until);
        Ok(())
    }

    /// How many proofs are remembered.
    pub fn entries(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &ReplayKey) -> &Mutex<Shard> {
        let [.., byte] = self.hasher.hash_one(key.jkt).to_be_bytes();
        &self.shards[usize::from(byte) % SHARDS]
    }
}

impl Shard {
    fn several(hasher: &SecretState) -> Box<[Mutex<Self>]> {
        let generation = || Generation::with_hasher(hasher.clone());
        let shard = |_| {
            Mutex::new(Self {
                current: generation(),
                previous: generation(),
                current_until: 0,
                previous_until: 0,
                dropped_until: 0,
                rotate_at: 0,
            })
        };
        (0..SHARDS).map(shard).collect()
    }

    fn contains(&self, key: &ReplayKey) -> bool {
        [&self.current, &self.previous].iter().any(|generation| {
            generation.get(key.jkt.as_bytes()).is_some_and(|seen| seen.contains(key.nonce.as_bytes()))
        })
    }

    fn session_entries(&self, jkt: &[u8; 32]) -> usize {
        [&self.current, &self.previous].iter().filter_map(|generation| generation.get(jkt)).map(HashSet::len).sum()
    }

    /// Drops what has expired as a whole, and begins a new generation once the younger one has been filled for a
    /// period; how many entries were dropped.
    fn rotate(&mut self, now: u64, period: u64) -> usize {
        if now < self.rotate_at || now < self.previous_until {
            return 0;
        }
        let mut dropped = self.drop_previous();
        let next = Generation::with_hasher(self.current.hasher().clone());
        self.previous = std::mem::replace(&mut self.current, next);
        self.previous_until = std::mem::take(&mut self.current_until);
        self.rotate_at = now + period;
        if now >= self.previous_until {
            dropped += self.drop_previous();
        }
        dropped
    }

    fn drop_previous(&mut self) -> usize {
        self.dropped_until = self.dropped_until.max(self.previous_until);
        self.previous_until = 0;
        let none = Generation::with_hasher(self.previous.hasher().clone());
        std::mem::replace(&mut self.previous, none).values().map(HashSet::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{ErrorCode, Nonce, SigningKey, Thumbprint};

    use super::{ReplayKey, ReplayMemory};

    fn key(seed: u8, counter: u64) -> ReplayKey {
        let jkt = Thumbprint::of(&SigningKey::from_seed(&[seed; 32]).verifying_key());
        ReplayKey { jkt, nonce: Nonce::new([0; 12], counter) }
    }

    fn mark(memory: &ReplayMemory, key: &ReplayKey, until: u64, now: u64) -> Option<ErrorCode> {
        memory.mark(key, until, now).err().map(|refusal| refusal.error().code())
    }

    #[test]
    fn an_entry_is_remembered_until_it_expires() {
        let memory = ReplayMemory::new(16 * 1000, 1000, 30);
        let proof = key(1, 0);
        assert_eq!(mark(&memory, &proof, 1120, 1000), None);
        for now in 1000..1120 {
            // Other traffic makes the generations turn.
            assert_eq!(mark(&memory, &key(1, now), now + 120, now), None);
            assert!(memory.contains(&proof));
            assert_eq!(mark(&memory, &proof, 1120, now), Some(ErrorCode::Replayed));
        }
        for now in [1300, 1500] {
            assert_eq!(mark(&memory, &key(1, now), now + 90, now), None);
        }
        assert!(!memory.contains(&proof));
    }

    #[test]
    fn what_was_dropped_is_not_accepted_when_the_clock_goes_back() {
        let memory = ReplayMemory::new(1000, 1000, 30);
        let proof = key(1, 0);
        assert_eq!(mark(&memory, &proof, 1090, 1000), None);
        for now in [2000, 3000, 4000] {
            assert_eq!(mark(&memory, &key(1, now), now + 90, now), None);
        }
        assert!(!memory.contains(&proof));
        assert_eq!(mark(&memory, &proof, 1090, 1000), Some(ErrorCode::WindowInvalid));
    }

    #[test]
    fn when_full_it_refuses_and_forgets_nothing() {
        let memory = ReplayMemory::new(160, 5, 30);
        for counter in 0..5 {
            assert_eq!(mark(&memory, &key(1, counter), 1090, 1000), None);
        }
        assert_eq!(mark(&memory, &key(1, 5), 1090, 1000), Some(ErrorCode::ReplayCapacity));
        assert_eq!(mark(&memory, &key(2, 5), 1090, 1000), None);
        for counter in 0..5 {
            assert_eq!(mark(&memory, &key(1, counter), 1090, 1001), Some(ErrorCode::Replayed));
        }
        let total = ReplayMemory::new(1, 1000, 30);
        assert_eq!(mark(&total, &key(1, 0), 1090, 1000), None);
        assert_eq!(mark(&total, &key(1, 1), 1090, 1000), Some(ErrorCode::ReplayCapacity));
        assert_eq!(mark(&total, &key(1, 1), 1400, 1300), None, "room comes back");
    }

    #[test]
    fn both_generations_count() {
        let memory = ReplayMemory::new(4, 1000, 30);
        for (counter, now) in [(0, 1000), (1, 1000), (2, 1119), (3, 1121)] {
            assert_eq!(mark(&memory, &key(1, counter), now + 90, now), None);
        }
        // The first two have expired and are still there: they go as a whole, with the third.
        assert_eq!(memory.entries(), 4);
        assert_eq!(mark(&memory, &key(1, 4), 1211, 1121), Some(ErrorCode::ReplayCapacity));
        assert_eq!(mark(&memory, &key(1, 4), 1331, 1241), None);
        assert_eq!(memory.entries(), 1);
    }

    /// Any order of times and lifetimes: what lives is never accepted again, and what is gone makes room.
    #[test]
    fn no_live_entry_is_forgotten() {
        let memory = ReplayMemory::new(16 * 100_000, 100_000, 30);
        let mut seed = 1_u64;
        let mut below = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let mut live: Vec<(ReplayKey, u64)> = Vec::new();
        let mut now = 1000;
        for counter in 0..20_000 {
            now += below(40) / 38 * below(60);
            live.retain(|(_, until)| *until > now);
            let (proof, until) = (key(1, counter), now + 1 + below(120));
            assert_eq!(mark(&memory, &proof, until, now), None);
            live.push((proof, until));
            let (old, until) = live[usize::try_from(below(live.len() as u64)).unwrap()];
            assert!(memory.contains(&old));
            assert_eq!(mark(&memory, &old, until, now), Some(ErrorCode::Replayed));
        }
        assert!(memory.entries() < 20_000);
    }

    #[test]
    #[cfg(not(target_family = "wasm"))]
    fn of_many_at_once_exactly_one_is_accepted() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        let memory = ReplayMemory::new(100_000, 100_000, 30);
        let accepted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for counter in 0..2000 {
                        if memory.mark(&key(1, counter), 1090, 1000).is_ok() {
                            accepted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(accepted.into_inner(), 2000);
        assert_eq!(memory.entries(), 2000);
    }
}
