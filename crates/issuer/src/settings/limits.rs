use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error as _};

/// A limit of the operator's own that keys may carry and the API enforces: `max_pictures`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomLimit {
    /// `[a-z][a-z0-9_]{0,39}`.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// What it limits, for people.
    #[serde(default)]
    pub description: String,
    /// What is counted: `pictures`, `MB`.
    #[serde(default)]
    pub unit: Option<String>,
    /// What a key has unless it says otherwise; `None` is without limit.
    #[serde(default)]
    pub default: Option<u64>,
    /// The most that a key may have, never below the default; `None` is without limit.
    #[serde(default)]
    pub maximum: Option<u64>,
}

/// The operator's own limits, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomLimits(Vec<CustomLimit>);

impl CustomLimits {
    /// The most that there may be.
    pub const MAX: usize = 100;

    /// Takes limits with different names; otherwise says which is wrong, and how.
    pub(super) fn new(limits: Vec<CustomLimit>) -> Result<Self, (usize, &'static str)> {
        for (i, limit) in limits.iter().enumerate() {
            if i >= Self::MAX {
                return Err((i, "there are at most 100 limits"));
            }
            if limits[..i].iter().any(|earlier| earlier.name == limit.name) {
                return Err((i, "this limit stands here twice"));
            }
            if let (Some(default), Some(maximum)) = (limit.default, limit.maximum)
                && default > maximum
            {
                return Err((i, "the default is above the maximum"));
            }
        }
        Ok(Self(limits))
    }

    /// Every limit, in the order of the file.
    pub fn all(&self) -> &[CustomLimit] {
        &self.0
    }

    /// The limit of that name.
    pub fn find(&self, name: &str) -> Option<&CustomLimit> {
        self.0.iter().find(|limit| limit.name == name)
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = <Cow<'de, str>>::deserialize(deserializer)?;
    let is_good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 40
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_good {
        Ok(name.into_owned())
    } else {
        Err(D::Error::custom("a limit's name has 1 to 40 characters of a-z, 0-9 and underscore, and begins with a-z"))
    }
}
