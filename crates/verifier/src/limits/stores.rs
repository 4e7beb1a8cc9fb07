//! Limits that outlive a process, or are shared with others: counts in Redis and on disk.

use std::path::Path;
use std::sync::Arc;

use doorkey_core::{Error, ErrorCode};

use super::charge::{Charge, Subject, Taken};
use super::lease::Fetch;
use super::quota_file::{self, QuotaFile};
use super::table::Attempt;
use super::{Charged, Limits, grant};
use crate::ambient::Moment;
use crate::decision::Accepted;
use crate::redis::{Away, Redis};
use crate::refusal::Refusal;

/// What is done when Redis is away and the leases are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Outage {
    /// Requests that are limited are refused, with [`ErrorCode::StoreUnavailable`].
    #[default]
    Refuse,
    /// Each verifier counts on its own: together they let through as often as much as there are of them.
    CountLocally,
}

/// Where counts are kept besides memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Stores {
    shared: Option<(Redis, Outage)>,
    file: Option<Arc<QuotaFile>>,
}

impl Limits {
    /// Counts in Redis, with all verifiers that use the same.
    pub fn with_redis(self, redis: Redis, outage: Outage) -> Self {
        Self { stores: Stores { shared: Some((redis, outage)), ..self.stores }, ..self }
    }

    /// Keeps this month's counts in `quota.json` in a folder, where an earlier process may have left its own.
    ///
    /// They are written within a second; a crash, or the last clone's end without [`save`](Self::save), forgets no more
    /// than that. The month that was counted in before is kept beside it: a clock that goes wrong for a while loses none.
    ///
    /// Fails with [`ErrorCode::StoreUnavailable`] if there is a file that cannot be read or the folder cannot be written
    /// to, and with [`ErrorCode::Conflict`] if other limits are kept there, by this process or another.
    pub fn with_data(self, folder: &Path) -> Result<Self, Error> {
        let file = QuotaFile::open(folder)?;
        for (month, key, used) in file.read()? {
            self.table.restore(month, key, used);
        }
        Ok(Self { stores: Stores { file: Some(Arc::new(file)), ..self.stores }, ..self })
    }

    /// Writes this month's counts now and gives leases on them back: for the end of a process.
    ///
    /// Fails with [`ErrorCode::StoreUnavailable`] if the file cannot be written or Redis is away.
    pub async fn save(&self) -> Result<(), Error> {
        if let Some((redis, _)) = &self.stores.shared {
            for (subject, window, rest) in self.table.quota_leases() {
                grant::give_back(redis, &subject, window, rest).await.map_err(unavailable)?;
            }
        }
        let Some(file) = &self.stores.file else { return Ok(()) };
        let (file, table) = (Arc::clone(file), Arc::clone(&self.table));
        let writing = tokio::task::spawn_blocking(move || file.write(&table));
        writing.await.unwrap_or_else(|_| Err(Error::new(ErrorCode::StoreUnavailable, "writing was broken off")))
    }

    /// Charges a request; waits as [`take`](Self::take) does.
    pub(crate) async fn charge(&self, request: &Accepted, now: Moment) -> Result<Charged, Refusal> {
        let taken = self.take(&self.charges(request), now).await?;
        Ok(Charged::new(&self.table, taken))
    }

    /// Takes all charges of a request or none; waits only for Redis, and only when a lease is used up.
    ///
    /// Fails with [`ErrorCode::RateLimited`] or [`ErrorCode::QuotaExhausted`], and with [`ErrorCode::StoreUnavailable`]
    /// if Redis is away. What is only tried out refuses nothing.
    pub(super) async fn take(&self, charges: &[Charge], now: Moment) -> Result<Taken, Refusal> {
        let mut ignored = Vec::new();
        loop {
            let (attempt, fetches) = self.table.attempt(charges, &ignored, self.stores.shared.is_some(), now.seconds());
            for fetch in fetches {
                self.begin(fetch);
            }
            let waits = match attempt {
                Attempt::Taken(taken) => {
                    self.note(charges);
                    return Ok(taken);
                }
                Attempt::Refused(refusal) => return Err(*refusal),
                Attempt::Wait(waits) => waits,
            };
            for (index, wait) in waits {
                // No answer at all means that another window has begun.
                if let Ok(Err(away)) = wait.await {
                    if !charges[index].is_shadow {
                        return Err(unavailable(away).into());
                    }
                    ignored.push(index);
                }
            }
        }
    }

    /// Asks Redis in a task of its own: a caller that hangs up must not leave others waiting.
    fn begin(&self, fetch: Fetch) {
        let Some((redis, outage)) = self.stores.shared.clone() else { return };
        let table = Arc::clone(&self.table);
        tokio::spawn(async move {
            let answer = fetch.ask(&redis).await;
            table.settle(&fetch, answer, outage == Outage::CountLocally);
        });
    }

    /// Has the file written soon if a quota was used.
    fn note(&self, charges: &[Charge]) {
        let Some(file) = &self.stores.file else { return };
        if charges.iter().any(|charge| matches!(charge.subject, Subject::Quota(_))) && file.is_first_change() {
            // Not held meanwhile: whoever opens the folder next must not wait for it.
            let (file, table) = (Arc::downgrade(file), Arc::downgrade(&self.table));
            tokio::spawn(quota_file::write_soon(file, table));
        }
    }
}

fn unavailable(_: Away) -> Error {
    Error::new(ErrorCode::StoreUnavailable, "the store of the limits does not answer")
}
