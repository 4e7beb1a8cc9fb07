//! When keys are used at the issuer itself: noted in memory at once, in the store within a minute.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use doorkey_core::{ErrorCode, KeyId};
use doorkey_verifier::{Outcome, Restriction};

use super::Registry;
use super::usage::HOUR;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::store::{Counter, KeyRecord, KeyState, LastUse};

/// Keys that are followed between two writes; more than that write sooner.
const MOST: usize = 65_536;
/// Keys that are written in one transaction.
const BATCH: usize = 500;

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Noted>>);

#[derive(Clone, Debug, Default)]
struct Noted {
    last: LastUse,
    /// How often what came of it, by the hour.
    counts: BTreeMap<(u64, MintOutcome), u64>,
}

/// What came of a mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MintOutcome {
    Minted,
    /// Minted, although the origin is not on the list.
    Shadowed,
    Refused(ErrorCode),
}

impl MintOutcome {
    /// What is counted for a session.
    pub(crate) const MINTED: &str = "minted";
    /// What stands before the code, for a session that was refused.
    pub(crate) const REFUSED: &str = "mint:";

    fn to_outcome(self) -> String {
        match self {
            Self::Minted => Self::MINTED.to_owned(),
            Self::Shadowed => Outcome::Shadowed(Restriction::Origins).to_string(),
            Self::Refused(code) => format!("{}{code}", Self::REFUSED, code = code.as_str()),
        }
    }
}

impl Noted {
    fn add(&mut self, other: Self) {
        self.last.at = self.last.at.max(other.last.at);
        self.last.shadow_refusals += other.last.shadow_refusals;
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

impl Registry {
    /// Notes that a key was used for a session, and whether a restriction in shadow would have refused it.
    pub(crate) async fn note_mint(&self, key: &KeyRecord, is_shadowed: bool) -> Result<(), Error> {
        self.end_predecessor_of(key).await?;
        let shadowed = is_shadowed.then_some(MintOutcome::Shadowed);
        let counted = [Some(MintOutcome::Minted), shadowed];
        self.note(key.id, true, counted.into_iter().flatten()).await
    }

    /// Notes that a key was used for something that is counted elsewhere, or nowhere.
    pub(crate) async fn note_use(&self, key: &KeyRecord) -> Result<(), Error> {
        self.end_predecessor_of(key).await?;
        self.note(key.id, true, []).await
    }

    /// Notes that a session was refused.
    pub(crate) async fn note_refused_mint(&self, key: &KeyRecord, code: ErrorCode) -> Result<(), Error> {
        self.note(key.id, false, [MintOutcome::Refused(code)]).await
    }

    async fn note(
        &self,
        key: KeyId,
        is_use: bool,
        outcomes: impl IntoIterator<Item = MintOutcome>,
    ) -> Result<(), Error> {
        let now = self.clock().now();
        let is_full = {
            let mut uses = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = uses.entry(key).or_default();
            if is_use {
                noted.last.at = noted.last.at.max(now);
            }
            for outcome in outcomes {
                noted.last.shadow_refusals += u64::from(outcome == MintOutcome::Shadowed);
                *noted.counts.entry((now - now % HOUR, outcome)).or_default() += 1;
            }
            uses.len() >= MOST
        };
        if is_full { self.write_uses().await } else { Ok(()) }
    }

    /// The first use of a key that was rolled ends the one before it, if that is how it was rolled. This comes before the
    /// use is noted: a use that could not end the old key was none.
    async fn end_predecessor_of(&self, key: &KeyRecord) -> Result<(), Error> {
        let (Some(before), None) = (key.rolled_from, key.last_used_at) else { return Ok(()) };
        let waits = |record: &KeyRecord, now| record.ends_on_use && record.state(now) != KeyState::Revoked;
        // Looked up first: of all uses of the new key, one has to write.
        if !self.key(before).await?.is_some_and(|record| waits(&record, self.clock().now())) {
            return Ok(());
        }
        let actor = Actor::system();
        let mut change = self.change(&actor, Action::EndKey, before.into()).await?;
        let record = change.transaction.key(before).await?.filter(|record| waits(record, change.now));
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
                    uses.entry(key).or_default().add(unwritten);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write_batch(&self, batch: &[(KeyId, Noted)]) -> Result<(), Error> {
        let (mut uses, mut counts) = (BTreeMap::new(), BTreeMap::<Counter, u64>::new());
        for (key, noted) in batch {
            uses.insert(*key.as_bytes(), noted.last);
            for (&(hour, outcome), &count) in &noted.counts {
                counts.insert((*key.as_bytes(), hour, outcome.to_outcome()), count);
            }
        }
        let mut transaction = self.store.begin().await?;
        transaction.note_key_uses(&uses).await?;
        transaction.add_usage(&counts).await?;
        transaction.commit().await
    }
}
