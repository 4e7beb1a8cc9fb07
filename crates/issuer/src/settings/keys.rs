use super::RateLimit;

/// What holds for keys: how many there may be, and what a new one has unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeyDefaults {
    /// How many active keys a workspace may have, 1 to 10000. 50 unless told.
    #[serde(deserialize_with = "super::range::within::<1, 10_000, _, _>")]
    pub per_workspace: u32,
    /// After how many days a new key expires, 1 to 3650; `None` is never.
    #[serde(deserialize_with = "super::range::some_within::<1, 3650, _, _>")]
    pub lifetime_days: Option<u32>,
    /// After how many days a key should be rolled, 1 to 3650; `None` is never.
    #[serde(deserialize_with = "super::range::some_within::<1, 3650, _, _>")]
    pub rotation_days: Option<u32>,
    /// How often a key may be used; `None` is without limit.
    pub rate_limit: Option<RateLimit>,
    /// How many requests a key has in a calendar month, 1 or more; `None` is without limit.
    #[serde(deserialize_with = "super::range::some_within::<1, { u64::MAX }, _, _>")]
    pub monthly_quota: Option<u64>,
}

impl Default for KeyDefaults {
    fn default() -> Self {
        Self { per_workspace: 50, lifetime_days: None, rotation_days: None, rate_limit: None, monthly_quota: None }
    }
}
