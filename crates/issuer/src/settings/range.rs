//! Numbers that are wrong outside of their range, with the range in the error.

use serde::de::{Deserialize, Deserializer, Error as _};

/// Reads a whole number of `MIN` to `MAX`, which `T` can hold.
pub(super) fn within<'de, const MIN: u64, const MAX: u64, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = u64::deserialize(deserializer)?;
    match T::try_from(number) {
        Ok(held) if (MIN..=MAX).contains(&number) => Ok(held),
        _ if MAX == u64::MAX => Err(D::Error::custom(format_args!("{MIN} or more"))),
        _ => Err(D::Error::custom(format_args!("{MIN} to {MAX}"))),
    }
}

/// [`within`] for a member that may be left out.
pub(super) fn some_within<'de, const MIN: u64, const MAX: u64, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    within::<MIN, MAX, D, T>(deserializer).map(Some)
}
