use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::KeyId;

use super::{Outcome, UsageCount};

const HOUR: u64 = 3600;

/// What was counted since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<(KeyId, Outcome, u64), Counted>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    count: u64,
    last_at: u64,
}

impl Counts {
    /// Counts one; `now` is in Unix seconds.
    pub(crate) fn note(&self, key: KeyId, outcome: Outcome, now: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counts.entry((key, outcome, now - now % HOUR)).or_default();
        counted.count += 1;
        counted.last_at = counted.last_at.max(now);
    }

    /// Takes what was counted.
    pub(crate) fn take(&self) -> Vec<UsageCount> {
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
