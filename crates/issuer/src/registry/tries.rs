//! What bounds the lines that who is refused can cause in the audit: nobody shall fill it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::{KeyId, MemberId};

/// How long tries are counted together, in seconds.
const PERIOD: u64 = 60;
/// Refused tries of one person that the audit takes in that time; further ones are in the log alone.
const REFUSALS: u32 = 120;
/// Keys and people that are followed at once.
const MOST: usize = 65_536;

/// Who was refused of late.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When each key last tried to manage something.
    keys: Mutex<HashMap<KeyId, u64>>,
    /// When each person's first refusal was, and how many there have been since.
    people: Mutex<HashMap<MemberId, (u64, u32)>>,
}

impl Tries {
    /// Whether a key has not tried to manage something within a minute.
    pub(super) fn is_first_of(&self, key: KeyId, now: u64) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST {
            keys.retain(|_, at| now < at.saturating_add(PERIOD));
        }
        if keys.len() >= MOST || keys.get(&key).is_some_and(|at| now < at.saturating_add(PERIOD)) {
            return false;
        }
        keys.insert(key, now);
        true
    }

    /// Counts a refused try of a person; whether it gets its line in the audit.
    pub(super) fn may_note(&self, person: MemberId, now: u64) -> bool {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= MOST {
            people.retain(|_, (since, _)| now < since.saturating_add(PERIOD));
        }
        let (since, count) = people.entry(person).or_insert((now, 0));
        if now >= since.saturating_add(PERIOD) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= REFUSALS
    }
}
