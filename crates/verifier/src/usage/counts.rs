use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::KeyId;

use super::{Outcome, UsageCount};
use crate::decision::Accepted;
use crate::limit::Restriction;
use crate::refusal::Refusal;

const HOUR: u64 = 3600;

/// What was counted since it was last taken.
#[derive(Debug, Default)]
pub struct Counts(Mutex<HashMap<(KeyId, Outcome, u64), Counted>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    count: u64,
    last_at: u64,
}

impl Counts {
    /// Counts a request that was accepted, and the limits that would have refused it, had they not been tried out only;
    /// `now` is in Unix seconds.
    pub fn accepted(&self, accepted: &Accepted, shadowed: &[Restriction], now: u64) {
        let key = accepted.key_id();
        self.note(key, Outcome::Accepted, now);
        for restriction in accepted.shadowed().iter().chain(shadowed) {
            self.note(key, Outcome::Shadowed(*restriction), now);
        }
    }

    /// Counts a refusal of which it was proven whose request it was, and no other.
    pub fn refused(&self, refusal: &Refusal, now: u64) {
        if let Some(key) = refusal.key() {
            self.note(key, Outcome::Refused(refusal.error().code()), now);
        }
    }

    /// Counts one; `now` is in Unix seconds.
    pub fn note(&self, key: KeyId, outcome: Outcome, now: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.entry((key, outcome, now - now % HOUR)).or_default();
        counted.count += 1;
        counted.last_at = counted.last_at.max(now);
    }

    /// Takes what was counted.
    pub fn take(&self) -> Vec<UsageCount> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let count = |((key, outcome, hour), counted): (_, Counted)| UsageCount {
            key,
            hour,
            outcome,
            count: counted.count,
            last_at: counted.last_at,
        };
        taken.into_iter().map(count).collect()
    }
}
