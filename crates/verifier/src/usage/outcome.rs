use std::fmt;
use std::str::FromStr;

use doorkey_core::{Error, ErrorCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limit::Restriction;

/// What came of a request that used a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// `accepted`.
    Accepted,
    /// The code of the refusal.
    Refused(ErrorCode),
    /// `shadow:rate_limit`: accepted, and it would not have been, had that restriction been in force.
    Shadowed(Restriction),
}

impl Outcome {
    const SHADOW: &str = "shadow:";
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(code) => f.write_str(code.as_str()),
            Self::Shadowed(restriction) => write!(f, "{}{restriction}", Self::SHADOW),
        }
    }
}

impl FromStr for Outcome {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "accepted" {
            return Ok(Self::Accepted);
        }
        if let Some(restriction) = text.strip_prefix(Self::SHADOW) {
            return restriction.parse().map(Self::Shadowed);
        }
        let code = ErrorCode::parse(text).map(Self::Refused);
        code.ok_or_else(|| {
            Error::new(ErrorCode::InvalidInput, "not an outcome: accepted, a code, or shadow:RESTRICTION")
        })
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
