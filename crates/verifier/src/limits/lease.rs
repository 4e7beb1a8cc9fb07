//! What a verifier may let through without asking again: taken from Redis in pieces that grow smaller with what is left.

use std::sync::LazyLock;

use redis::Script;
use tokio::sync::oneshot;

use super::charge::Subject;
use super::window::Window;
use crate::redis::{Away, Redis};

/// Grants a sixteenth of what is left, at least what is waited for and at most a bound, and never beyond the allowance.
static GRANT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "
local allowance, need, most, spent = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local left = allowance - tonumber(redis.call('GET', KEYS[1]) or '0') - spent
local granted = math.max(0, math.min(left, math.max(need, math.min(most, math.floor(left / 16)))))
if granted + spent > 0 then
    redis.call('INCRBY', KEYS[1], string.format('%.0f', granted + spent))
    redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return {granted, math.max(0, left - granted)}
",
    )
});

/// Takes back what was granted and not used, if its window is still counted.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECRBY', KEYS[1], ARGV[1]) end")
});

/// Redis counts with the numbers of Lua: beyond this they are not whole.
const MAX_ALLOWANCE: u64 = 1 << 53;
/// A verifier that crashes loses its lease; of a month's quota no more than this, of a period's limit more.
const MAX_QUOTA_LEASE: u64 = 1000;
const MAX_RATE_LEASE: u64 = 10_000;
/// How much longer than its window a counter lives, in seconds, for verifiers whose clocks are behind.
const GRACE: u64 = 60;
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
    pub(super) waiting: Vec<oneshot::Sender<Result<(), Away>>>,
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

/// Its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) granted: u64,
    pub(super) beyond: u64,
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

impl Fetch {
    pub(super) async fn ask(&self, redis: &Redis) -> Result<Grant, Away> {
        let most = if matches!(self.subject, Subject::Quota(_)) { MAX_QUOTA_LEASE } else { MAX_RATE_LEASE };
        let mut script = GRANT.key(name(&self.subject, self.window));
        script.arg(self.quota.min(MAX_ALLOWANCE)).arg(self.need).arg(most).arg(self.spent);
        script.arg(self.window.rest(self.now) + GRACE);
        let (granted, beyond) = redis.invoke(&script).await?;
        Ok(Grant { granted, beyond })
    }
}

/// Gives back the rest of a lease.
pub(super) async fn give_back(redis: &Redis, subject: &Subject, window: Window, rest: u64) -> Result<(), Away> {
    let mut script = GIVE_BACK.key(name(subject, window));
    redis.invoke(script.arg(rest)).await
}

/// Where a window is counted. Windows of another length are counted elsewhere.
fn name(subject: &Subject, window: Window) -> String {
    format!("dk:{subject}:{}:{}", window.begin, window.length())
}
