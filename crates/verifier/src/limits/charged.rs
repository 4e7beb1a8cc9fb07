//! What a request is charged to, and that it gets back what it took unless its proof is used up.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use doorkey_core::{Error, ErrorCode};
use http::HeaderMap;

use super::Limits;
use super::charge::{Allowance, Charge, LimitState, Subject, Taken};
use super::table::{Attempt, Table};
use crate::ambient::Moment;
use crate::decision::{Accepted, Examined};
use crate::limit::Restriction;
use crate::network::network;
use crate::refusal::Refusal;

/// Charges of a request, which are given back unless they are kept: it may be refused after them, and its caller may hang
/// up. They are to be kept once its proof is used up. From then on it takes a place in the memory of proofs, whatever
/// becomes of its body, and nobody may fill that at no charge.
#[derive(Debug)]
pub struct Charged {
    table: Arc<Table>,
    taken: Option<Taken>,
}

impl Charged {
    pub(super) fn new(table: &Arc<Table>, taken: Taken) -> Self {
        Self { table: Arc::clone(table), taken: Some(taken) }
    }

    /// The request's proof is used up.
    pub fn keep(mut self) -> Kept {
        Kept { table: Arc::clone(&self.table), taken: self.taken.take().unwrap_or_default() }
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        if let Some(taken) = &self.taken {
            self.table.refund(&taken.parts);
        }
    }
}

/// Charges of a request whose proof is used up.
#[derive(Debug)]
pub struct Kept {
    table: Arc<Table>,
    taken: Taken,
}

impl Kept {
    /// The limits that would have refused the request, had they not been tried out only.
    pub fn shadowed(&self) -> &[Restriction] {
        &self.taken.shadowed
    }

    /// The limit of which least is left.
    pub(crate) fn tightest(&self) -> Option<LimitState> {
        self.taken.tightest
    }

    /// Says in the `RateLimit` fields of an answer how the limit stands of which least is left; nothing without a limit.
    pub fn state_limit(&self, headers: &mut HeaderMap) {
        if let Some(limit) = &self.taken.tightest {
            limit.put_into(headers);
        }
    }

    /// Gives back what was charged after all: a store that is shared with others did not take the proof.
    pub fn give_back(self) {
        self.table.refund(&self.taken.parts);
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
        assert_eq!(limits.charge_all_here(&charges, &now).unwrap().keep().shadowed(), []);
        for _ in 0..5 {
            limits.charge_all_here(&charges, &now).unwrap().keep().give_back();
        }
        let kept = limits.charge_all_here(&charges, &now).unwrap().keep();
        assert_eq!(kept.shadowed(), [Restriction::MonthlyQuota]);
        let refusal = limits.charge_all_here(&charges, &now).unwrap_err();
        assert_eq!(refusal.error().code(), ErrorCode::RateLimited);
        assert_eq!(refusal.retry_after(), Some(Duration::from_secs(50)));
        assert_eq!(refusal.limit().map(|limit| limit.quota), Some(2));
    }
}
