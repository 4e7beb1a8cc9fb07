//! What can be measured, told to whatever recorder the process has installed (the `metrics` crate).

use std::collections::HashMap;
use std::time::Duration;

use doorkey_core::ErrorCode;
use metrics::{Counter, Histogram, counter, gauge, histogram};

/// Requests by what came of them: `accepted` or the code of the refusal.
const DECISIONS: &str = "doorkey_decisions_total";
/// How long a decision took, without the wait for the body.
const SECONDS: &str = "doorkey_decision_seconds";
const REPLAY_ENTRIES: &str = "doorkey_replay_entries";
const DIRECTORY_AGE: &str = "doorkey_directory_age_seconds";
const DIRECTORY_KEYS: &str = "doorkey_directory_keys";
const SUBJECTS: &str = "doorkey_limit_subjects";
const LEASES: &str = "doorkey_limit_leases";

/// Handles that are looked up once, so that counting costs an addition.
pub(crate) struct Meter {
    accepted: Counter,
    refused: HashMap<ErrorCode, Counter>,
    seconds: Histogram,
}

impl Meter {
    /// Handles of the recorder that is installed now.
    pub(crate) fn new() -> Self {
        let refused = ErrorCode::ALL.iter().map(|&code| (code, counter!(DECISIONS, "code" => code.as_str())));
        Self {
            accepted: counter!(DECISIONS, "code" => "accepted"),
            refused: refused.collect(),
            seconds: histogram!(SECONDS),
        }
    }

    /// Counts a decision; `code` is `None` for one that accepted.
    pub(crate) fn decided(&self, code: Option<ErrorCode>, took: Duration) {
        match code {
            None => self.accepted.increment(1),
            Some(code) => self.refused(code),
        }
        self.seconds.record(took);
    }

    /// Counts a refusal that took no decision.
    pub(crate) fn refused(&self, code: ErrorCode) {
        if let Some(counter) = self.refused.get(&code) {
            counter.increment(1);
        }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}

/// What is true at this moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    pub(crate) replay_entries: usize,
    /// `None` before the directory was complete once, or without one.
    pub(crate) directory_age: Option<Duration>,
    pub(crate) directory_keys: Option<usize>,
    pub(crate) subjects: usize,
    pub(crate) leases: usize,
}

impl Levels {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
    pub(crate) fn record(&self) {
        gauge!(REPLAY_ENTRIES).set(self.replay_entries as f64);
        gauge!(SUBJECTS).set(self.subjects as f64);
        gauge!(LEASES).set(self.leases as f64);
        if let Some(keys) = self.directory_keys {
            gauge!(DIRECTORY_KEYS).set(keys as f64);
            // Never complete is older than any age.
            gauge!(DIRECTORY_AGE).set(self.directory_age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
        }
    }
}
