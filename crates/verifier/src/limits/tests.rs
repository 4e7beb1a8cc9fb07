mod local;
mod shared;

use std::time::Duration;

use doorkey_core::{KeyId, SessionId};

use super::Limits;
use super::charge::{Allowance, Charge, Subject};
use crate::ambient::Moment;
use crate::limit::{RateLimit, Restriction};

/// A second at which a window of any length up to a day begins, in the first second of March 2024.
const BEGIN: u64 = 1_709_251_200;

fn at(seconds: u64) -> Moment {
    Moment { wall: Duration::from_secs(seconds), monotonic: Duration::from_secs(seconds) }
}

fn key(number: u64) -> KeyId {
    KeyId::from_parts(number, [0; 10])
}

fn rate(number: u64, requests: u64, period: u64) -> Charge {
    Charge {
        subject: Subject::Key(key(number)),
        allowance: Allowance::Rate(RateLimit::new(requests, period).unwrap()),
        policy: "key",
        restriction: Some(Restriction::RateLimit),
        is_shadow: false,
    }
}

fn monthly(number: u64, requests: u64) -> Charge {
    Charge {
        subject: Subject::Quota(key(number)),
        allowance: Allowance::Monthly(requests),
        policy: "quota",
        restriction: Some(Restriction::MonthlyQuota),
        is_shadow: false,
    }
}

fn session(number: u64, requests: u64) -> Charge {
    let subject = Subject::Session(SessionId::from_parts(number, [0; 10]));
    Charge { subject, policy: "session", restriction: None, ..rate(0, requests, 60) }
}

fn shadow(mut charge: Charge) -> Charge {
    charge.is_shadow = true;
    charge
}

async fn take(limits: &Limits, charges: &[Charge], now: u64) -> &'static str {
    let taken = limits.take(charges, at(now)).await;
    taken.map_or_else(|refusal| refusal.error().code().as_str(), |_| "taken")
}

/// How many pass, one after the other, until one does not.
async fn all(limits: &Limits, charges: &[Charge], now: u64) -> u64 {
    let mut passed = 0;
    while take(limits, charges, now).await == "taken" {
        passed += 1;
    }
    passed
}
