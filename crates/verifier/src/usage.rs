//! What keys were used for: counted here, told to the issuer in batches.

#[cfg(feature = "server")]
mod counts;
mod outcome;
#[cfg(feature = "server")]
mod spool;

#[cfg(feature = "server")]
pub(crate) use counts::Counts;
pub use outcome::Outcome;
#[cfg(feature = "server")]
pub(crate) use spool::Spool;

use doorkey_core::KeyId;
use serde::{Deserialize, Serialize};

/// One batch, as it is posted to the issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageReport {
    /// Names the reporter's series of batches: 16 characters of base64url, made once and kept with them.
    pub spool: String,
    /// The batch's number in that series, from 1 on. The issuer takes each once, in order.
    pub sequence: u64,
    /// At most [`UsageReport::MAX`] of them.
    pub counts: Vec<UsageCount>,
}

impl UsageReport {
    /// The most counts of one batch.
    pub const MAX: usize = 2000;
}

/// How often a key had one outcome in one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageCount {
    /// The key, which whoever used it had proved to hold, or had a session of.
    pub key: KeyId,
    /// When the hour began, in Unix seconds.
    pub hour: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// How often, since the last batch.
    pub count: u64,
    /// When last, in Unix seconds.
    pub last_at: u64,
}
