//! What a key was used for, summed up.

use std::collections::BTreeMap;

use doorkey_core::KeyId;
use doorkey_verifier::Outcome;
use utoipa::ToSchema;

use super::uses::MintOutcome;
use super::{Registry, usage::HOUR};
use crate::actor::Actor;
use crate::error::Error;

/// How often what came of it. Counts come in within a minute, and later from a verifier that was cut off.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, ToSchema)]
pub struct UsageCounts {
    /// Requests to the API that were accepted.
    pub accepted: u64,
    /// Requests to the API that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// What restrictions in shadow would have refused, by restriction.
    pub shadowed: BTreeMap<String, u64>,
    /// Sessions of a publishable key, renewals included.
    pub minted: u64,
    /// Sessions that were refused, by code.
    pub mints_refused: BTreeMap<String, u64>,
}

impl UsageCounts {
    pub(crate) fn add(&mut self, outcome: &str, count: u64) {
        let sum = match outcome.parse() {
            Ok(Outcome::Accepted) => &mut self.accepted,
            Ok(Outcome::Refused(code)) => self.refused.entry(code.as_str().to_owned()).or_default(),
            Ok(Outcome::Shadowed(restriction)) => self.shadowed.entry(restriction.to_string()).or_default(),
            Err(_) if outcome == MintOutcome::MINTED => &mut self.minted,
            Err(_) => match outcome.strip_prefix(MintOutcome::REFUSED) {
                Some(code) => self.mints_refused.entry(code.to_owned()).or_default(),
                // Of a later version.
                None => return,
            },
        };
        *sum = sum.saturating_add(count);
    }
}

impl Registry {
    /// What a key was used for in the hours from `since` up to, and without, `until`; Unix seconds. Whoever may see the key
    /// may see that. Fails with `not_found`.
    pub async fn usage_totals(&self, actor: &Actor, key: KeyId, since: u64, until: u64) -> Result<UsageCounts, Error> {
        let mut totals = UsageCounts::default();
        for row in self.key_usage(actor, key, since, until, HOUR).await? {
            totals.add(&row.outcome, row.count);
        }
        Ok(totals)
    }
}
