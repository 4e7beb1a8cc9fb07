//! Who has used how much of the current window: exact under any concurrency, and bounded.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorkey_core::KeyId;
use hashbrown::HashTable;

use super::charge::{Charge, LimitState, Part, Subject, Taken};
#[cfg(feature = "server")]
use super::grant::Grant;
#[cfg(feature = "server")]
use super::lease::BELIEF;
use super::lease::{Fetch, Lease};
use super::months::Months;
use super::waiting::{Wait, Waiter, waiting};
use super::window::Window;
#[cfg(feature = "server")]
use crate::redis::Away;
use crate::refusal::Refusal;

/// How many subjects are counted at most before new addresses and sessions are refused; keys never are.
const CAPACITY: usize = 1_000_000;
/// Each is swept on its own, which takes a few dozen microseconds when all are full.
const SHARDS: usize = 256;
/// How often it is told that there is no room, in seconds.
const TELL_EVERY: u64 = 60;
/// A shard with fewer entries is not worth sweeping.
const MIN_SWEEP: usize = 32;

#[derive(Debug)]
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// By a secret: whoever chooses a subject must not choose whom to crowd out.
    hasher: RandomState,
    live: AtomicUsize,
    capacity: usize,
    /// When it was told last that there is no room, in Unix seconds.
    told_at: AtomicU64,
    /// Locked after a shard, never before.
    months: Mutex<Months>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashTable<Entry>,
    /// With how many entries finished windows are looked for.
    sweep_at: usize,
    swept_at: u64,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    window: Window,
    /// By this process.
    used: u64,
    /// Only where Redis is asked.
    lease: Option<Box<Lease>>,
}

/// What became of an attempt.
pub(super) enum Attempt {
    Taken(Taken),
    Refused(Box<Refusal>),
    /// These charges, by their index, have to wait for a lease.
    Wait(Vec<(usize, Wait)>),
}

enum Room {
    Left,
    Over(Window),
    Unknown,
}

/// Where a charge is counted.
struct Place<'a> {
    shard: usize,
    hash: u64,
    index: usize,
    charge: &'a Charge,
}

impl Table {
    pub(super) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            live: AtomicUsize::new(0),
            capacity,
            told_at: AtomicU64::new(0),
            months: Mutex::default(),
        }
    }

    fn months(&self) -> MutexGuard<'_, Months> {
        self.months.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        self.lock(shard_of(hash))
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all charges but the ignored ones, or none; `is_leased` says whether Redis is asked. The fetches have been
    /// promised to whoever waits: they must be begun.
    pub(super) fn attempt(
        &self,
        charges: &[Charge],
        ignored: &[usize],
        is_leased: bool,
        now: u64,
    ) -> (Attempt, Vec<Fetch>) {
        let charges = charges.iter().enumerate().filter(|(index, _)| !ignored.contains(index));
        let mut places: Vec<_> = charges
            .map(|(index, charge)| {
                let hash = self.hasher.hash_one(charge.subject);
                Place { shard: shard_of(hash), hash, index, charge }
            })
            .collect();
        // All locks at once, so that nobody sees a part of it; in one order for everybody, so that nobody waits forever.
        places.sort_unstable_by_key(|place| place.shard);
        let mut shards: Vec<(usize, MutexGuard<'_, Shard>)> = Vec::with_capacity(places.len());
        for place in &places {
            if shards.last().is_none_or(|(shard, _)| *shard != place.shard) {
                shards.push((place.shard, self.lock(place.shard)));
            }
        }
        let of = |shards: &[(usize, MutexGuard<'_, Shard>)], place: &Place<'_>| {
            shards.iter().position(|(shard, _)| *shard == place.shard).unwrap_or_default()
        };

        let mut taken = Taken { parts: Vec::with_capacity(places.len()), ..Taken::default() };
        let (mut over, mut unknown): (Option<(&Charge, Window)>, bool) = (None, false);
        places.retain(|place| {
            let at = of(&shards, place);
            match self.room(&mut shards[at].1, place, is_leased, now) {
                Room::Left => return true,
                Room::Unknown => {
                    unknown = true;
                    return true;
                }
                Room::Over(_) if place.charge.is_shadow => taken.shadowed.extend(place.charge.restriction),
                Room::Over(window) => {
                    if over.is_none_or(|(_, other)| other.end < window.end) {
                        over = Some((place.charge, window));
                    }
                }
            }
            false
        });
        if let Some((charge, window)) = over {
            return (Attempt::Refused(Box::new(charge.refusal(window, now))), Vec::new());
        }
        // The order of the shards is a secret of the process.
        taken.shadowed.sort_unstable();
        let (mut fetches, mut waits) = (Vec::new(), Vec::new());
        for place in &places {
            let at = of(&shards, place);
            let Some(entry) = shards[at].1.find(place.hash, &place.charge.subject) else { continue };
            if unknown {
                if entry.has_room(place.charge, is_leased, now).is_none() {
                    let Some((answer, wait)) = waiting() else { continue };
                    fetches.extend(entry.fetch(place.charge, Some(answer), now));
                    waits.push((place.index, wait));
                }
                continue;
            }
            let state = place.charge.state(entry.window, entry.take(place.charge, now), now);
            taken.parts.push(Part { subject: place.charge.subject, begin: entry.window.begin });
            if !place.charge.is_shadow
                && taken.tightest.is_none_or(|other: LimitState| state.remaining < other.remaining)
            {
                taken.tightest = Some(state);
            }
            if entry.lease.as_ref().is_some_and(|lease| lease.runs_low(now)) {
                fetches.extend(entry.fetch(place.charge, None, now));
            }
        }
        (if unknown { Attempt::Wait(waits) } else { Attempt::Taken(taken) }, fetches)
    }

    /// Finds the subject's window, or begins it.
    fn room(&self, shard: &mut Shard, place: &Place<'_>, is_leased: bool, now: u64) -> Room {
        let charge = place.charge;
        if shard.find(place.hash, &charge.subject).is_none() {
            let window = charge.allowance.window(now);
            if shard.entries.len() >= shard.sweep_at.max(MIN_SWEEP) {
                self.sweep(shard, now);
            }
            if !charge.subject.is_key() && self.live.load(Ordering::Relaxed) >= self.capacity {
                if shard.swept_at != now {
                    self.sweep(shard, now);
                }
                if self.live.load(Ordering::Relaxed) >= self.capacity {
                    self.is_full(now);
                    return Room::Over(window);
                }
            }
            let used = self.turn_to(charge, window, None);
            self.insert(shard, place.hash, Entry { subject: charge.subject, window, used, lease: None });
        }
        let Some(entry) = shard.find(place.hash, &charge.subject) else { return Room::Unknown };
        if !entry.window.counts(now) || !charge.allowance.fits(entry.window) {
            // The rest of a lease is lost, and whoever waited for one looks again.
            let window = charge.allowance.window(now);
            let used = self.turn_to(charge, window, Some(entry));
            *entry = Entry { window, used, lease: None, subject: entry.subject };
        }
        match entry.has_room(charge, is_leased, now) {
            Some(true) => Room::Left,
            Some(false) => Room::Over(entry.window),
            None => Room::Unknown,
        }
    }

    /// Tells, once a minute, that somebody was refused for want of room.
    fn is_full(&self, now: u64) {
        let told_at = self.told_at.load(Ordering::Relaxed);
        let is_due = now.abs_diff(told_at) >= TELL_EVERY;
        if is_due && self.told_at.compare_exchange(told_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            #[cfg(feature = "server")]
            tracing::error!(
                subjects = self.live(),
                "there is no room to count more: requests of new addresses and sessions are refused"
            );
        }
    }

    /// How much was used of a window that begins for its subject, as far as it was counted before.
    fn turn_to(&self, charge: &Charge, window: Window, left: Option<&Entry>) -> u64 {
        if !matches!(charge.subject, Subject::Quota(_)) {
            return 0;
        }
        let mut months = self.months();
        let used = months.turn_to(charge.subject, window);
        if let Some(left) = left {
            months.leave(left.subject, left.window, left.used);
        }
        used
    }

    fn insert(&self, shard: &mut Shard, hash: u64, entry: Entry) {
        shard.entries.insert_unique(hash, entry, |entry| self.hasher.hash_one(entry.subject));
        self.live.fetch_add(1, Ordering::Relaxed);
    }

    fn sweep(&self, shard: &mut Shard, now: u64) {
        let before = shard.entries.len();
        let months = self.months();
        let is_kept = |entry: &Entry| matches!(entry.subject, Subject::Quota(_)) && months.has(entry.window);
        shard.entries.retain(|entry| entry.window.counts(now) || is_kept(entry));
        drop(months);
        self.live.fetch_sub(before - shard.entries.len(), Ordering::Relaxed);
        shard.sweep_at = shard.entries.len() * 2;
        shard.swept_at = now;
    }

    /// Gives back what one request took, if it is still counted.
    pub(super) fn refund(&self, parts: &[Part]) {
        for Part { subject, begin } in parts {
            let hash = self.hasher.hash_one(subject);
            if let Some(entry) = self.shard(hash).find(hash, subject)
                && entry.window.begin == *begin
            {
                entry.used = entry.used.saturating_sub(1);
                if let Some(lease) = &mut entry.lease {
                    lease.left += 1;
                }
            }
        }
    }

    /// Takes in what a fetch has brought; whoever waited for it looks again, or hears that Redis is away.
    #[cfg(feature = "server")]
    pub(super) fn settle(&self, fetch: &Fetch, answer: Result<Grant, Away>, counts_locally: bool) {
        let hash = self.hasher.hash_one(fetch.subject);
        let mut shard = self.shard(hash);
        let entry = shard.find(hash, &fetch.subject).filter(|entry| entry.window == fetch.window);
        let Some(lease) = entry.and_then(|entry| entry.lease.as_mut()) else { return };
        lease.is_fetching = false;
        let told = match answer {
            Ok(Grant { granted, beyond }) => {
                lease.left += granted;
                lease.size = lease.left;
                lease.beyond = beyond;
                lease.spent = lease.spent.saturating_sub(fetch.spent);
                lease.exhausted = (granted == 0).then_some((fetch.quota, fetch.now + BELIEF));
                lease.local_until = 0;
                let waiting = lease.waiting.iter().filter(|waiting| !waiting.is_closed()).count();
                lease.need = (waiting as u64).saturating_sub(granted);
                Ok(())
            }
            Err(Away) if counts_locally => {
                lease.local_until = fetch.now + BELIEF;
                Ok(())
            }
            Err(Away) => Err(Away),
        };
        for waiting in lease.waiting.drain(..) {
            // Whoever has hung up meanwhile hears nothing.
            let _: Result<(), _> = waiting.send(told);
        }
    }

    /// How much each key has used of the last two months that were counted in, the latest one last.
    pub(super) fn quotas(&self) -> Vec<(Window, Vec<(KeyId, u64)>)> {
        let (latest, mut quotas) = {
            let months = self.months();
            (months.latest(), months.left().collect::<Vec<_>>())
        };
        for shard in 0..SHARDS {
            let shard = self.lock(shard);
            let counted = shard.entries.iter().filter(|entry| matches!(entry.subject, Subject::Quota(_)));
            quotas.extend(counted.map(|entry| (entry.subject, entry.window, entry.used)));
        }
        let of = |month| {
            let key = |&(subject, window, used): &_| match subject {
                Subject::Quota(key) if window == month => Some((key, used)),
                _ => None,
            };
            (month, quotas.iter().filter_map(key).collect())
        };
        latest.into_iter().map(of).collect()
    }

    /// Continues where an earlier process ended; the latest month comes last.
    pub(super) fn restore(&self, month: Window, key: KeyId, used: u64) {
        let subject = Subject::Quota(key);
        let hash = self.hasher.hash_one(subject);
        let mut shard = self.shard(hash);
        self.months().begin(month);
        if let Some(other) = shard.find(hash, &subject) {
            self.months().leave(subject, other.window, other.used);
            (other.window, other.used) = (month, used);
            return;
        }
        self.insert(&mut shard, hash, Entry { subject, window: month, used, lease: None });
    }

    /// Takes what is left of the leases on monthly quotas, to be given back.
    pub(super) fn quota_leases(&self) -> Vec<(Subject, Window, u64)> {
        let mut rests = Vec::new();
        for shard in 0..SHARDS {
            for entry in &mut self.lock(shard).entries {
                if let (Subject::Quota(_), Some(lease)) = (entry.subject, &mut entry.lease)
                    && lease.left > 0
                {
                    rests.push((entry.subject, entry.window, std::mem::take(&mut lease.left)));
                }
            }
        }
        rests
    }

    /// How many leases have something left.
    pub(super) fn leases(&self) -> usize {
        let has_left = |entry: &&Entry| entry.lease.as_ref().is_some_and(|lease| lease.left > 0);
        (0..SHARDS).map(|shard| self.lock(shard).entries.iter().filter(has_left).count()).sum()
    }

    /// How many subjects are counted.
    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn told_at(&self) -> u64 {
        self.told_at.load(Ordering::Relaxed)
    }
}

impl Shard {
    fn find(&mut self, hash: u64, subject: &Subject) -> Option<&mut Entry> {
        self.entries.find_mut(hash, |entry| entry.subject == *subject)
    }
}

impl Entry {
    /// Whether one more fits in; `None` if Redis has to be asked.
    fn has_room(&self, charge: &Charge, is_leased: bool, now: u64) -> Option<bool> {
        let quota = charge.allowance.quota();
        match &self.lease {
            _ if !is_leased => Some(self.used < quota),
            None => None,
            Some(lease) if lease.left > 0 => Some(true),
            Some(lease) if lease.is_local(now) => Some(self.used < quota),
            Some(lease) => lease.is_exhausted(quota, now).then_some(false),
        }
    }

    /// Takes one; how many remain.
    fn take(&mut self, charge: &Charge, now: u64) -> u64 {
        self.used += 1;
        let quota = charge.allowance.quota();
        match &mut self.lease {
            Some(lease) if lease.left > 0 => {
                lease.left -= 1;
                lease.left + lease.beyond
            }
            Some(lease) if lease.is_local(now) => {
                lease.spent += 1;
                quota.saturating_sub(self.used)
            }
            _ => quota.saturating_sub(self.used),
        }
    }

    /// Has the caller ask for more, unless that is under way.
    fn fetch(&mut self, charge: &Charge, waiting: Option<Waiter>, now: u64) -> Option<Fetch> {
        let lease = self.lease.get_or_insert_default();
        lease.waiting.extend(waiting);
        if std::mem::replace(&mut lease.is_fetching, true) {
            return None;
        }
        Some(Fetch {
            subject: self.subject,
            window: self.window,
            quota: charge.allowance.quota(),
            need: lease.need.max(1),
            spent: lease.spent,
            now,
        })
    }
}

fn shard_of(hash: u64) -> usize {
    // The table inside uses the highest and the lowest bits.
    usize::from((hash >> 32).to_le_bytes()[0]) % SHARDS
}
