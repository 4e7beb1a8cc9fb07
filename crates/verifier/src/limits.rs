//! Limits: exact on one machine, leased from Redis for a fleet.

mod charge;
mod charged;
#[cfg(feature = "server")]
mod grant;
mod lease;
mod months;
#[cfg(feature = "server")]
mod quota_file;
#[cfg(feature = "server")]
mod stores;
mod table;
#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
mod waiting;
mod window;

pub(crate) use charge::LimitState;
pub use charged::{Charged, Kept};
#[cfg(feature = "server")]
pub use stores::Outage;

use std::sync::Arc;

#[cfg(feature = "server")]
use self::stores::Stores;
use self::table::Table;
use crate::limit::RateLimit;

/// How many requests keys, sessions and addresses may make, and how many they have made.
///
/// The limits of keys come with the keys; those of sessions and addresses are the operator's, and there are none unless
/// they are set here. Periods begin at whole multiples of their length since the epoch, months with the calendar in UTC.
/// What is counted is heads: a request counts in the period in which its head came and its proof was used up, whatever
/// becomes of its body, and whenever that is there. No more of them are let through in one period than the limit says, but
/// for a clock that is set back by more than a whole period, and a Redis that loses its data.
///
/// On one machine all is counted exactly, in memory; up to a million subjects, beyond which new addresses and sessions
/// are refused while keys are not, and an error is logged. Several verifiers count in Redis. Each takes leases there, a
/// sixteenth of what is left at a time, and asks for the next one before the last is used up. So few requests wait, and
/// what a verifier leaves unused at the end of a period is small. Counts are only as durable as that Redis is.
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
    #[cfg(feature = "server")]
    stores: Stores,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// No limits but those of the keys, counted on this machine.
    pub fn new() -> Self {
        Self {
            session: None,
            address: None,
            table: Arc::new(Table::new()),
            #[cfg(feature = "server")]
            stores: Stores::default(),
        }
    }

    /// Limits each browser session.
    pub fn with_session_limit(self, limit: RateLimit) -> Self {
        Self { session: Some(limit), ..self }
    }

    /// Limits each IPv4 address and each IPv6 network of 64 bits.
    pub fn with_address_limit(self, limit: RateLimit) -> Self {
        Self { address: Some(limit), ..self }
    }

    /// How many leases have something left.
    pub(crate) fn leases(&self) -> usize {
        self.table.leases()
    }

    /// How many subjects are counted.
    pub(crate) fn subjects(&self) -> usize {
        self.table.live()
    }
}
