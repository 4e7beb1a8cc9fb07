//! Asks Redis for leases.

use std::sync::LazyLock;

use redis::Script;

use super::charge::Subject;
use super::lease::Fetch;
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
/// Its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) granted: u64,
    pub(super) beyond: u64,
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
