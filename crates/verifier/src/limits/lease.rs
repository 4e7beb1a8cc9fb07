//! What a verifier may let through without asking again: taken from Redis in pieces that grow smaller with what is left.

use super::charge::Subject;
use super::waiting::Waiter;
use super::window::Window;

/// For how long a verifier believes that nothing is left, or counts on its own, before it asks again, in seconds.
pub(super) const BELIEF: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Lease {
    pub(super) left: u64,
    /// How much there was after the last grant.
    pub(super) size: u64,
    /// How much others could still be granted then.
    pub(super) beyond: u64,
    /// Nothing was left of this allowance; believed until then.
    pub(super) exhausted: Option<(u64, u64)>,
    /// Redis is away, and this verifier counts on its own until then.
    pub(super) local_until: u64,
    /// What it let through meanwhile and has not told.
    pub(super) spent: u64,
    /// How many were waiting for the last grant and got nothing of it.
    pub(super) need: u64,
    pub(super) is_fetching: bool,
    pub(super) waiting: Vec<Waiter>,
}

/// A question to Redis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fetch {
    pub(super) subject: Subject,
    pub(super) window: Window,
    pub(super) quota: u64,
    /// How many requests wait for it.
    pub(super) need: u64,
    pub(super) spent: u64,
    pub(super) now: u64,
}

impl Lease {
    pub(super) fn is_local(&self, now: u64) -> bool {
        now < self.local_until
    }

    pub(super) fn is_exhausted(&self, quota: u64, now: u64) -> bool {
        self.exhausted.is_some_and(|(of, until)| quota <= of && now < until)
    }

    /// Whether it is time for the next one: a third is left. What is granted one by one is fetched when it is needed, so
    /// that nobody hoards the last ones.
    pub(super) fn runs_low(&self, now: u64) -> bool {
        !self.is_fetching && self.size >= 3 && self.beyond > 0 && self.left * 3 <= self.size && !self.is_local(now)
    }
}
