//! What keys were used for: counted here, told to the issuer in batches.

mod answer;
mod counts;
mod outcome;
mod spool;

pub use answer::ReportAnswer;
pub use counts::Counts;
pub use outcome::Outcome;
pub use spool::Spool;

use doorkey_core::KeyId;
use serde::{Deserialize, Serialize};

/// Where batches are posted to, below the issuer's URL.
pub const USAGE_PATH: &str = "/v1/usage";

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
