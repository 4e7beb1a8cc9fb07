/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[serde(deserialize_with = "super::range::within::<1, { u64::MAX }, _, _>")]
    requests: u64,
    #[serde(deserialize_with = "super::range::within::<1, 86_400, _, _>")]
    period: u64,
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
