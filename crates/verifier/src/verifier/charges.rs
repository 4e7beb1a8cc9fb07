//! What requests are charged to, and how charges are given back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode};

use super::Verifier;
use crate::decision::Accepted;
use crate::limit::Restriction;
use crate::limits::{Allowance, Charge, Limits, Subject, Taken};
use crate::network::network;
use crate::refusal::Refusal;

/// How long limits may take, all waits for Redis together.
const LIMITS_PATIENCE: Duration = Duration::from_secs(2);
/// Charges of a request, which are given back unless it is let through: it may be refused after them, and its caller may
/// hang up.
pub(super) struct Charged<'a> {
    limits: &'a Limits,
    taken: Option<Taken>,
}

impl Charged<'_> {
    /// The request was let through.
    pub(super) fn keep(mut self) -> Taken {
        self.taken.take().unwrap_or_default()
    }
}

impl Drop for Charged<'_> {
    fn drop(&mut self) {
        if let Some(taken) = &self.taken {
            self.limits.refund(taken);
        }
    }
}

impl Verifier {
    /// Charges a request.
    pub(super) async fn charge(&self, request: &Accepted) -> Result<Charged<'_>, Refusal> {
        let charges = self.charges(request);
        let take = self.limits.take(&charges, self.clock.moment());
        let slow = |_| Error::new(ErrorCode::StoreUnavailable, "the store of the limits is slow");
        let taken = tokio::time::timeout(LIMITS_PATIENCE, take).await.map_err(slow)??;
        Ok(Charged { limits: &self.limits, taken: Some(taken) })
    }

    /// What the request is charged to.
    fn charges(&self, accepted: &Accepted) -> Vec<Charge> {
        let mut charges = Vec::new();
        if let Some(key) = accepted.key() {
            let mut charge = |subject, allowance, policy, restriction| {
                let is_shadow = key.policy.shadow.contains(&restriction);
                charges.push(Charge { subject, allowance, policy, restriction: Some(restriction), is_shadow });
            };
            if let Some(limit) = key.policy.rate_limit {
                charge(Subject::Key(key.id), Allowance::Rate(limit), "key", Restriction::RateLimit);
            }
            if let Some(quota) = key.policy.monthly_quota {
                charge(Subject::Quota(key.id), Allowance::Monthly(quota), "quota", Restriction::MonthlyQuota);
            }
        }
        let mut charge = |subject, limit, policy| {
            let allowance = Allowance::Rate(limit);
            charges.push(Charge { subject, allowance, policy, restriction: None, is_shadow: false });
        };
        if let (Some(limit), Some(claims)) = (self.limits.session(), accepted.claims()) {
            charge(Subject::Session(claims.jti), limit, "session");
        }
        if let Some(limit) = self.limits.address() {
            // Callers of whom nothing is known are one.
            let client = accepted.client().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            charge(Subject::Address(network(client)), limit, "address");
        }
        charges
    }
}
