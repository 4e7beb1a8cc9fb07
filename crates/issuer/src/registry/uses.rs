//! When keys are used: noted in memory at once, in the store within a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::KeyId;

use super::Registry;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::store::{KeyRecord, KeyState};

/// Keys that are followed between two writes; more than that write sooner.
const MOST: usize = 65_536;
/// Keys that are written in one transaction.
const BATCH: usize = 500;

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Use>>);

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    at: u64,
    shadow_refusals: u64,
}

impl Registry {
    /// Notes that a key was used, and whether a restriction in shadow would have refused it. The first use of a key that
    /// was rolled ends the one before it, if that is how it was rolled.
    pub(crate) async fn note_use(&self, key: &KeyRecord, is_shadowed: bool) -> Result<(), Error> {
        // First: a use that could not end the old key was none.
        if let (Some(before), None) = (key.rolled_from, key.last_used_at) {
            self.end_predecessor(before).await?;
        }
        let is_full = {
            let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = uses.entry(key.id).or_default();
            noted.at = noted.at.max(self.clock().now());
            noted.shadow_refusals += u64::from(is_shadowed);
            uses.len() >= MOST
        };
        if is_full { self.write_uses().await } else { Ok(()) }
    }

    async fn end_predecessor(&self, key: KeyId) -> Result<(), Error> {
        let waits = |record: &KeyRecord, now| record.ends_on_use && record.state(now) != KeyState::Revoked;
        // Looked up first: of all uses of the new key, one has to write.
        if !self.key(key).await?.is_some_and(|record| waits(&record, self.clock().now())) {
            return Ok(());
        }
        let actor = Actor::system();
        let mut change = self.change(&actor, Action::EndKey, key.into()).await?;
        let record = change.transaction.key(key).await?.filter(|record| waits(record, change.now));
        let Some(mut record) = record else { return Ok(()) };
        change.concerns(record.organization, record.workspace);
        record.revoked_at = Some(change.now);
        let done = change.write_key(record).await;
        change.finish(done).await?;
        Ok(())
    }

    /// Writes what was noted. What cannot be written stays noted.
    pub(crate) async fn write_uses(&self) -> Result<(), Error> {
        let mut noted: Vec<_> = {
            let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *uses).into_iter().collect()
        };
        while !noted.is_empty() {
            let batch = noted.split_off(noted.len().saturating_sub(BATCH));
            if let Err(error) = self.write_batch(&batch).await {
                let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
                for (key, unwritten) in noted.into_iter().chain(batch) {
                    let kept = uses.entry(key).or_default();
                    kept.at = kept.at.max(unwritten.at);
                    kept.shadow_refusals += unwritten.shadow_refusals;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_batch(&self, batch: &[(KeyId, Use)]) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        for (key, noted) in batch {
            transaction.note_key_use(*key, noted.at, noted.shadow_refusals).await?;
        }
        transaction.commit().await
    }
}
