//! What a request is charged to.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId, SessionId};
use http::HeaderMap;

use super::window::Window;
use crate::limit::{RateLimit, Restriction};
use crate::refusal::{ReachedLimit, Refusal, state_limit};

/// What is charged: a subject, how much it has per window, and which word stands for it in `RateLimit` fields.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) subject: Subject,
    pub(crate) allowance: Allowance,
    pub(crate) policy: &'static str,
    /// What is listed when it is only tried out.
    pub(crate) restriction: Option<Restriction>,
    pub(crate) is_shadow: bool,
}

/// Whose requests are counted; at most once among the charges of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Key(KeyId),
    Quota(KeyId),
    Session(SessionId),
    /// As [`network`](crate::network) gives it.
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Allowance {
    Rate(RateLimit),
    Monthly(u64),
}

/// What was taken for one request, so that it can be given back.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The limits that would have refused it, had they not been tried out only.
    pub(crate) shadowed: Vec<Restriction>,
    pub(crate) tightest: Option<LimitState>,
    pub(super) parts: Vec<Part>,
}

/// One request of one subject, in the window that began then.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) subject: Subject,
    pub(super) begin: u64,
}

/// How a limit stands: what the `RateLimit` fields of a success say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitState {
    pub(crate) policy: &'static str,
    pub(crate) quota: u64,
    pub(crate) window: Duration,
    pub(crate) remaining: u64,
    pub(crate) reset: Duration,
}

impl LimitState {
    /// Says so in the `RateLimit` fields of an answer.
    pub(crate) fn put_into(&self, headers: &mut HeaderMap) {
        state_limit(headers, self.policy, self.quota, self.window, self.remaining, self.reset.as_secs());
    }
}

impl Subject {
    /// Whether there are only so many of them as somebody has created: anyone can come with a new address.
    pub(super) fn is_key(&self) -> bool {
        matches!(self, Self::Key(_) | Self::Quota(_))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "rate:{id}"),
            Self::Quota(id) => write!(f, "quota:{id}"),
            Self::Session(id) => write!(f, "rate:{id}"),
            Self::Address(address) => write!(f, "rate:{address}"),
        }
    }
}

impl Allowance {
    pub(super) fn quota(self) -> u64 {
        match self {
            Self::Rate(rate) => rate.requests(),
            Self::Monthly(requests) => requests,
        }
    }

    pub(super) fn window(self, now: u64) -> Window {
        match self {
            Self::Rate(rate) => Window::periodic(rate.period(), now),
            Self::Monthly(_) => Window::month(now),
        }
    }

    /// Whether a window can be one of this allowance, whose period may have been changed.
    pub(super) fn fits(self, window: Window) -> bool {
        match self {
            Self::Rate(rate) => window.length() == rate.period(),
            Self::Monthly(_) => true,
        }
    }
}

impl Charge {
    pub(super) fn state(&self, window: Window, remaining: u64, now: u64) -> LimitState {
        LimitState {
            policy: self.policy,
            quota: self.allowance.quota(),
            window: Duration::from_secs(window.length()),
            remaining,
            reset: Duration::from_secs(window.rest(now)),
        }
    }

    /// Says that nothing is left in the window.
    pub(super) fn refusal(&self, window: Window, now: u64) -> Refusal {
        let error = match self.allowance {
            Allowance::Rate(_) => Error::new(ErrorCode::RateLimited, "all requests of this period have been made"),
            Allowance::Monthly(_) => {
                Error::new(ErrorCode::QuotaExhausted, "all requests of this calendar month (UTC) have been made")
            }
        };
        let LimitState { policy, quota, window, reset, .. } = self.state(window, 0, now);
        Refusal::from(error).with_retry_after(reset).with_limit(ReachedLimit { policy, quota, window })
    }
}
