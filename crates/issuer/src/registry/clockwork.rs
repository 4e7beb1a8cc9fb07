//! What happens because a time has come. Nothing depends on it for safety: a key that has expired is refused at its
//! second, whether or not anybody was here.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Registry;
use super::people::forget_old;
use super::usage::forget_old_usage;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::store::{KeyRecord, Transaction};

/// Keys that are dealt with in one transaction: other writers wait for it.
const BATCH: u32 = 200;
/// How long a create that is sent again is known, in seconds.
const IDEMPOTENT_FOR: u64 = 86_400;

/// How often [`Registry::wind`] is due. A key's last use is in the store within a minute.
const WIND_EVERY: Duration = Duration::from_secs(20);
/// After how many windings [`Registry::forget`] is due.
const FORGET_EVERY: u32 = 30;

/// What [`Registry::wind`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wound {
    /// Keys whose grace was over.
    pub ended: usize,
    /// Keys that have expired.
    pub expired: usize,
}

impl Registry {
    /// Does what is due again and again, until `stop`. A failure is logged, and the next time makes up for it.
    pub async fn keep(&self, stop: impl Future<Output = ()>) {
        let mut ticks = interval(WIND_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stop = std::pin::pin!(stop);
        for round in (0..FORGET_EVERY).cycle() {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => {}
            }
            let wound = self.wind().await;
            let forgotten = if round == 0 { self.forget().await } else { Ok(()) };
            if let Err(error) = wound.and(forgotten) {
                tracing::error!(cause = std::error::Error::source(&error), "{error}");
            }
        }
        let written = self.write_uses().await;
        if let Err(error) = written.and(self.write_seen_verifiers().await) {
            tracing::error!(cause = std::error::Error::source(&error), "{error}");
        }
    }

    /// Does what is due: writes uses, revokes keys whose grace is over, notes in the audit which have expired, forgets
    /// what is old. Of several issuers on one store, each thing is done by one of them, once; what a crash interrupts is
    /// done the next time.
    pub async fn wind(&self) -> Result<Wound, Error> {
        self.write_uses().await?;
        self.write_seen_verifiers().await?;
        let mut wound = Wound::default();
        loop {
            let now = self.clock().now();
            let is_due = {
                let mut reader = self.store.read().await?;
                !reader.keys_to_end(now, 1).await?.is_empty() || !reader.keys_to_note_expired(now, 1).await?.is_empty()
            };
            if !is_due {
                break;
            }
            let mut transaction = self.store.begin().await?;
            for mut key in transaction.keys_to_end(now, BATCH).await? {
                key.revoked_at = key.ends_at;
                key.revision += 1;
                transaction.update_key(&key).await?;
                self.note_clockwork(&mut transaction, Action::EndKey, &key, now).await?;
                wound.ended += 1;
            }
            for key in transaction.keys_to_note_expired(now, BATCH).await? {
                transaction.note_key_expired(key.id).await?;
                // Of a key that was revoked before, nobody wants to hear that it has expired, too.
                if key.revoked_at.is_none() {
                    self.note_clockwork(&mut transaction, Action::ExpireKey, &key, now).await?;
                    wound.expired += 1;
                }
            }
            transaction.commit().await?;
        }
        Ok(wound)
    }

    /// Forgets what is of no use any more. Less often than [`wind`](Self::wind): it writes whether there is something or
    /// not.
    pub async fn forget(&self) -> Result<(), Error> {
        let now = self.clock().now();
        let mut transaction = self.store.begin().await?;
        transaction.forget_idempotency_keys(now.saturating_sub(IDEMPOTENT_FOR)).await?;
        transaction.commit().await?;
        // A batch at a time, so that other writers get their turns.
        loop {
            let mut transaction = self.store.begin().await?;
            let has_more = forget_old(&mut transaction, now).await? | forget_old_usage(&mut transaction, now).await?;
            transaction.commit().await?;
            if !has_more {
                return Ok(());
            }
        }
    }

    async fn note_clockwork(
        &self,
        transaction: &mut Transaction,
        action: Action,
        key: &KeyRecord,
        now: u64,
    ) -> Result<(), Error> {
        let mut event = super::change::draft(&Actor::system(), action, key.id.into(), now);
        event.organization = Some(key.organization);
        event.workspace = key.workspace;
        event.detail.insert("name".into(), key.shown_name().into());
        transaction.append_event(event, &self.vault).await
    }
}
