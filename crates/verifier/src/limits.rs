//! Limits: exact on one machine, leased from Redis for a fleet.

mod charge;
mod lease;
mod months;
mod quota_file;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use charge::{Allowance, Charge, LimitState, Subject, Taken};

use std::path::Path;
use std::sync::Arc;

use doorkey_core::{Error, ErrorCode};

use self::lease::Fetch;
use self::quota_file::QuotaFile;
use self::table::{Attempt, Table};
use crate::ambient::Moment;
use crate::limit::RateLimit;
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

/// How many requests keys, sessions and addresses may make, and how many they have made.
///
/// The limits of keys come with the keys; those of sessions and addresses are the operator's, and there are none unless
/// they are set here. Periods begin at whole multiples of their length since the epoch, months with the calendar in UTC.
/// No more requests are let through in one of them than the limit says, but for a clock that is set back by more than a
/// whole period, and a Redis that loses its data.
///
/// On one machine all is counted exactly, in memory; up to a million subjects, beyond which new addresses and sessions
/// are refused while keys are not, and an error is logged. Several verifiers count in Redis. Each takes leases there, a sixteenth of what is left
/// at a time, and asks for the next one before the last is used up. So few requests wait, and what a verifier leaves
/// unused at the end of a period is small. Counts are only as durable as that Redis is.
///
/// ```
/// use doorkey_verifier::{Limits, RateLimit};
///
/// let limits = Limits::new().with_address_limit(RateLimit::new(600, 60).expect("a limit of more than nothing"));
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    session: Option<RateLimit>,
    address: Option<RateLimit>,
    table: Arc<Table>,
    shared: Option<(Redis, Outage)>,
    file: Option<Arc<QuotaFile>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// No limits but those of the keys, counted on this machine.
    pub fn new() -> Self {
        Self { session: None, address: None, table: Arc::new(Table::new()), shared: None, file: None }
    }

    /// Limits each browser session.
    pub fn with_session_limit(self, limit: RateLimit) -> Self {
        Self { session: Some(limit), ..self }
    }

    /// Limits each IPv4 address and each IPv6 network of 64 bits.
    pub fn with_address_limit(self, limit: RateLimit) -> Self {
        Self { address: Some(limit), ..self }
    }

    /// Counts in Redis, with all verifiers that use the same.
    pub fn with_redis(self, redis: Redis, outage: Outage) -> Self {
        Self { shared: Some((redis, outage)), ..self }
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
        Ok(Self { file: Some(Arc::new(file)), ..self })
    }

    /// Writes this month's counts now and gives leases on them back: for the end of a process.
    ///
    /// Fails with [`ErrorCode::StoreUnavailable`] if the file cannot be written or Redis is away.
    pub async fn save(&self) -> Result<(), Error> {
        if let Some((redis, _)) = &self.shared {
            for (subject, window, rest) in self.table.quota_leases() {
                lease::give_back(redis, &subject, window, rest).await.map_err(unavailable)?;
            }
        }
        let Some(file) = &self.file else { return Ok(()) };
        let (file, table) = (Arc::clone(file), Arc::clone(&self.table));
        let writing = tokio::task::spawn_blocking(move || file.write(&table));
        writing.await.unwrap_or_else(|_| Err(Error::new(ErrorCode::StoreUnavailable, "writing was broken off")))
    }

    /// What a session may do, if that is limited.
    pub(crate) fn session(&self) -> Option<RateLimit> {
        self.session
    }

    /// What an address may do, if that is limited.
    pub(crate) fn address(&self) -> Option<RateLimit> {
        self.address
    }

    /// How many leases have something left.
    pub(crate) fn leases(&self) -> usize {
        self.table.leases()
    }

    /// How many subjects are counted.
    pub(crate) fn subjects(&self) -> usize {
        self.table.live()
    }

    /// Takes all charges of a request or none; waits only for Redis, and only when a lease is used up.
    ///
    /// Fails with [`ErrorCode::RateLimited`] or [`ErrorCode::QuotaExhausted`], and with [`ErrorCode::StoreUnavailable`]
    /// if Redis is away. What is only tried out refuses nothing.
    pub(crate) async fn take(&self, charges: &[Charge], now: Moment) -> Result<Taken, Refusal> {
        let mut ignored = Vec::new();
        loop {
            let (attempt, fetches) = self.table.attempt(charges, &ignored, self.shared.is_some(), now.seconds());
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

    /// Gives back what a request took that was then not let through.
    pub(crate) fn refund(&self, taken: &Taken) {
        self.table.refund(&taken.parts);
    }

    /// Asks Redis in a task of its own: a caller that hangs up must not leave others waiting.
    fn begin(&self, fetch: Fetch) {
        let Some((redis, outage)) = self.shared.clone() else { return };
        let table = Arc::clone(&self.table);
        tokio::spawn(async move {
            let answer = fetch.ask(&redis).await;
            table.settle(&fetch, answer, outage == Outage::CountLocally);
        });
    }

    /// Has the file written soon if a quota was used.
    fn note(&self, charges: &[Charge]) {
        let Some(file) = &self.file else { return };
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
