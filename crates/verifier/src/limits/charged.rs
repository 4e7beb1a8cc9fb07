//! What a request is charged to, and that it gets back what it took unless it is let through.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use doorkey_core::{Error, ErrorCode};

use super::Limits;
use super::charge::{Allowance, Charge, Subject, Taken};
use super::table::{Attempt, Table};
use crate::ambient::Moment;
use crate::decision::{Accepted, Examined};
use crate::limit::Restriction;
use crate::network::network;
use crate::refusal::Refusal;

/// Charges of a request, which are given back unless it is let through: it may be refused after them, and its caller may
/// hang up.
#[derive(Debug)]
pub struct Charged {
    table: Arc<Table>,
    taken: Option<Taken>,
}

impl Charged {
    pub(super) fn new(table: &Arc<Table>, taken: Taken) -> Self {
        Self { table: Arc::clone(table), taken: Some(taken) }
    }

    /// The request was let through; yields the limits that would have refused it, had they not been tried out only.
    pub fn keep(self) -> Vec<Restriction> {
        self.keep_all().shadowed
    }

    /// The request was let through.
    pub(crate) fn keep_all(mut self) -> Taken {
        self.taken.take().unwrap_or_default()
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if let Some(taken) = &self.taken {
            self.table.refund(&taken.parts);
        }
    }
}

impl Limits {
    /// Charges a request in this process's memory alone, without a wait for any store.
    ///
    /// Fails with [`ErrorCode::RateLimited`] or [`ErrorCode::QuotaExhausted`].
    pub fn charge_here(&self, request: &Examined, now: &Moment) -> Result<Charged, Refusal> {
        let request = request.request();
        let charged = self.charge_all_here(&self.charges(request), now);
        charged.map_err(|refusal| refusal.about(request.key_id()))
    }

    fn charge_all_here(&self, charges: &[Charge], now: &Moment) -> Result<Charged, Refusal> {
        match self.table.attempt(charges, &[], false, now.seconds()).0 {
            Attempt::Taken(taken) => Ok(Charged::new(&self.table, taken)),
            Attempt::Refused(refusal) => Err(*refusal),
            // Only leases are waited for.
            Attempt::Wait(_) => Err(Error::new(ErrorCode::StoreUnavailable, "what is left is not known here").into()),
        }
    }

    /// What a request is charged to.
    pub(crate) fn charges(&self, accepted: &Accepted) -> Vec<Charge> {
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
        if let (Some(limit), Some(claims)) = (self.session, accepted.claims()) {
            charge(Subject::Session(claims.jti), limit, "session");
        }
        if let Some(limit) = self.address {
            // Callers of whom nothing is known are one.
            let client = accepted.client().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            charge(Subject::Address(network(client)), limit, "address");
        }
        charges
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::{ErrorCode, KeyId};

    use super::super::Limits;
    use super::super::charge::{Allowance, Charge, Subject};
    use crate::ambient::Moment;
    use crate::limit::{RateLimit, Restriction};

    fn charge(subject: Subject, allowance: Allowance, restriction: Restriction, is_shadow: bool) -> Charge {
        Charge { subject, allowance, policy: "key", restriction: Some(restriction), is_shadow }
    }

    #[test]
    fn what_was_taken_is_given_back_unless_it_is_kept() {
        let limits = Limits::new();
        let key = KeyId::from_parts(1, [0; 10]);
        let now = Moment { wall: Duration::from_secs(1_709_251_210), monotonic: Duration::ZERO };
        let rate = Allowance::Rate(RateLimit::new(2, 60).unwrap());
        let charges = [
            charge(Subject::Key(key), rate, Restriction::RateLimit, false),
            charge(Subject::Quota(key), Allowance::Monthly(1), Restriction::MonthlyQuota, true),
        ];
        for _ in 0..5 {
            drop(limits.charge_all_here(&charges, &now).unwrap());
        }
        assert_eq!(limits.charge_all_here(&charges, &now).unwrap().keep(), []);
        assert_eq!(limits.charge_all_here(&charges, &now).unwrap().keep(), [Restriction::MonthlyQuota]);
        let refusal = limits.charge_all_here(&charges, &now).unwrap_err();
        assert_eq!(refusal.error().code(), ErrorCode::RateLimited);
        assert_eq!(refusal.retry_after(), Some(Duration::from_secs(50)));
        assert_eq!(refusal.limit().map(|limit| limit.quota), Some(2));
    }
}
