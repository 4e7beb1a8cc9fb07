//! How often a key may be used, and which of its restrictions are tried out.

use std::fmt;
use std::str::FromStr;

use doorkey_core::{Error, ErrorCode};
use serde::de::{Deserialize, Deserializer, Error as _};

/// So many requests in so many seconds.
///
/// Periods begin at whole multiples of their length since the Unix epoch, so that all verifiers mean the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[serde(deserialize_with = "at_least_one")]
    requests: u64,
    #[serde(deserialize_with = "up_to_a_day")]
    period: u64,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let requests = u64::deserialize(deserializer)?;
    if requests == 0 { Err(D::Error::custom("1 or more")) } else { Ok(requests) }
}

fn up_to_a_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=RateLimit::MAX_PERIOD).contains(&seconds) { Ok(seconds) } else { Err(D::Error::custom("1 to 86400")) }
}

impl RateLimit {
    /// The longest period, a day in seconds.
    pub const MAX_PERIOD: u64 = 86_400;

    /// A limit; `None` unless there is at least one request, and a period of 1 to 86400 seconds.
    pub fn new(requests: u64, period: u64) -> Option<Self> {
        (requests > 0 && (1..=Self::MAX_PERIOD).contains(&period)).then_some(Self { requests, period })
    }

    /// How many requests, 1 or more.
    pub fn requests(self) -> u64 {
        self.requests
    }

    /// In how many seconds, 1 to 86400.
    pub fn period(self) -> u64 {
        self.period
    }
}

/// A restriction of a key that can be tried out before it refuses anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    /// The allowed origins of a publishable key.
    Origins,
    /// The allowed networks of a secret key.
    Cidrs,
    /// The rate limit.
    RateLimit,
    /// The monthly quota.
    MonthlyQuota,
}

impl Restriction {
    /// Every restriction.
    pub const ALL: [Self; 4] = [Self::Origins, Self::Cidrs, Self::RateLimit, Self::MonthlyQuota];

    /// `origins`, `cidrs`, `rate_limit` or `monthly_quota`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Origins => "origins",
            Self::Cidrs => "cidrs",
            Self::RateLimit => "rate_limit",
            Self::MonthlyQuota => "monthly_quota",
        }
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Restriction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
        known.ok_or_else(|| Error::new(ErrorCode::InvalidInput, "not the name of a restriction"))
    }
}
