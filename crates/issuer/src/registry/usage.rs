//! What verifiers report, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use doorkey_core::{ErrorCode, KeyId, KeyKind, VerifierId, parse_base64url_array};
use doorkey_verifier::{Outcome, UsageReport};

use super::Registry;
use super::change::draft;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::store::{KeyRecord, KeyState, LastUse, Transaction, UsageRow};

pub(super) const HOUR: u64 = 3600;
/// How far back a report may reach: a verifier that was cut off keeps its counts.
const OLDEST: u64 = 40 * 86_400;
/// How far a verifier's clock may run ahead.
const AHEAD: u64 = 300;
/// The most that one count may say.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// How long counts are kept: what can be asked for, and a day more.
const KEPT_FOR: u64 = 401 * 86_400;
const FORGOTTEN_AT_ONCE: u32 = 2000;

impl Registry {
    /// Counts what a verifier reports, each report once: one that was counted before is passed over.
    ///
    /// Fails with `invalid_input`, and with `conflict` where a report between the last one and this is missing.
    pub(crate) async fn take_usage(&self, verifier: VerifierId, report: &UsageReport) -> Result<(), Error> {
        check(report)?;
        let mut transaction = self.store.begin().await?;
        let last = transaction.spool_sequence(verifier, &report.spool).await?;
        if report.sequence <= last {
            return transaction.roll_back().await;
        }
        if report.sequence > last + 1 {
            transaction.roll_back().await?;
            let detail = format!("of this spool, report {} is the next", last + 1);
            return Err(Error::new(ErrorCode::Conflict, detail));
        }
        let now = self.clock().now();
        if last == 0 {
            transaction.make_room_for_spool(verifier).await?;
        }
        transaction.put_spool_sequence(verifier, &report.spool, report.sequence, now).await?;
        let leaked = self.count(&mut transaction, verifier, report, now).await?;
        transaction.commit().await?;
        for key in leaked {
            tracing::warn!(key_id = %key, "a secret key was sent from a web page: revoke it");
        }
        Ok(())
    }

    /// Writes what a report says; yields keys that it says to have leaked, if nobody knew.
    async fn count(
        &self,
        transaction: &mut Transaction,
        verifier: VerifierId,
        report: &UsageReport,
        now: u64,
    ) -> Result<Vec<KeyId>, Error> {
        let named: BTreeSet<_> = report.counts.iter().map(|count| *count.key.as_bytes()).collect();
        let named: Vec<_> = named.into_iter().map(KeyId::from_bytes).collect();
        let known = transaction.keys_of(&named).await?;
        let known: HashMap<_, _> = known.into_iter().map(|key| (key.id, key)).collect();
        let within = |time: u64| time.clamp(now.saturating_sub(OLDEST), now + AHEAD);
        let (mut counts, mut uses) = (BTreeMap::new(), BTreeMap::<[u8; 16], LastUse>::new());
        let (mut successors, mut in_pages) = (BTreeSet::new(), BTreeMap::new());
        for said in report.counts.iter().filter(|said| known.contains_key(&said.key) && said.count > 0) {
            let (hour, last_at) = (within(said.hour), within(said.last_at));
            let counter = (*said.key.as_bytes(), hour - hour % HOUR, said.outcome.to_string());
            let sum: &mut u64 = counts.entry(counter).or_default();
            *sum = sum.saturating_add(said.count);
            match said.outcome {
                // What would have been refused was accepted.
                Outcome::Accepted | Outcome::Shadowed(_) => {
                    let noted = uses.entry(*said.key.as_bytes()).or_default();
                    noted.at = noted.at.max(last_at);
                    if said.outcome != Outcome::Accepted {
                        noted.shadow_refusals = noted.shadow_refusals.saturating_add(said.count);
                    }
                    successors.insert(*said.key.as_bytes());
                }
                Outcome::Refused(ErrorCode::SecretKeyInBrowser) => {
                    in_pages.insert(*said.key.as_bytes(), &known[&said.key]);
                }
                Outcome::Refused(_) => {}
            }
        }
        transaction.add_usage(&counts).await?;
        transaction.note_key_uses(&uses).await?;
        let successors: Vec<_> = successors.into_iter().map(KeyId::from_bytes).collect();
        self.end_predecessors(transaction, verifier, &successors, now).await?;
        let mut leaked = Vec::new();
        for key in in_pages.into_values() {
            if key.leaked_at.is_none() && key.kind == KeyKind::Secret && transaction.note_leak(key.id, now).await? {
                self.note_done(transaction, verifier, Action::LeakKey, key, now).await?;
                leaked.push(key.id);
            }
        }
        Ok(leaked)
    }

    /// Ends what was rolled until the first use of one of these keys.
    async fn end_predecessors(
        &self,
        transaction: &mut Transaction,
        verifier: VerifierId,
        successors: &[KeyId],
        now: u64,
    ) -> Result<(), Error> {
        for mut key in transaction.keys_that_wait_for(successors).await? {
            if key.state(now) != KeyState::Revoked {
                key.revoked_at = Some(now);
                key.revision += 1;
                transaction.update_key(&key).await?;
                self.note_done(transaction, verifier, Action::EndKey, &key, now).await?;
            }
        }
        Ok(())
    }

    /// A line in the audit for what follows from a report, and whose that was.
    async fn note_done(
        &self,
        transaction: &mut Transaction,
        verifier: VerifierId,
        action: Action,
        key: &KeyRecord,
        now: u64,
    ) -> Result<(), Error> {
        let mut event = draft(&Actor::system(), action, key.id.into(), now);
        event.organization = Some(key.organization);
        event.workspace = key.workspace;
        event.detail.insert("name".into(), key.shown_name().into());
        event.detail.insert("verifier".into(), verifier.to_string().into());
        transaction.append_event(event, &self.vault).await
    }

    /// What a key was used for from `since` up to, and without, `until`, in periods of so many seconds. Whoever may see
    /// the key may see that.
    pub(crate) async fn key_usage(
        &self,
        actor: &Actor,
        key: KeyId,
        since: u64,
        until: u64,
        period: u64,
    ) -> Result<Vec<UsageRow>, Error> {
        self.show_key(actor, key).await?;
        self.store.read().await?.key_usage(key, since, until, period).await
    }
}

/// Forgets counts, series of reports and grants that are of no use any more; says whether there is more of it.
pub(super) async fn forget_old_usage(transaction: &mut Transaction, now: u64) -> Result<bool, Error> {
    let forgotten = [
        transaction.forget_usage(now.saturating_sub(KEPT_FOR), FORGOTTEN_AT_ONCE).await?,
        transaction.forget_spools(now.saturating_sub(OLDEST), FORGOTTEN_AT_ONCE).await?,
        transaction.forget_marks(FORGOTTEN_AT_ONCE).await?,
        // Issuers side by side do not agree on the second.
        transaction.forget_grants(now.saturating_sub(HOUR), FORGOTTEN_AT_ONCE).await?,
    ];
    Ok(forgotten.into_iter().any(|count| count >= u64::from(FORGOTTEN_AT_ONCE)))
}

fn check(report: &UsageReport) -> Result<(), Error> {
    if parse_base64url_array::<12>(&report.spool).is_none() {
        return Err(Error::invalid("spool", "16 characters of base64url"));
    }
    if report.sequence == 0 || i64::try_from(report.sequence).is_err() {
        return Err(Error::invalid("sequence", "1 or more"));
    }
    if report.counts.len() > UsageReport::MAX {
        return Err(Error::invalid("counts", "at most 2000 of them"));
    }
    if report.counts.iter().any(|said| said.count > MAX_COUNT) {
        return Err(Error::invalid("counts", "at most 1000000000000 of each"));
    }
    Ok(())
}
