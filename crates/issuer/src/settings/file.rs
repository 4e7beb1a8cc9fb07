//! `doorkey.toml`: read strictly, and wrong with line and member.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;

use doorkey_core::{Brand, ErrorCode, Origin};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::{Catalogue, CatalogueScope, MintLimits, is_token_lifetime};
use crate::error::Error;

/// What `doorkey.toml` says; whatever it leaves out is `None`.
///
/// ```toml
/// listen = "127.0.0.1:7700"
/// public_url = "https://keys.example.com"
/// brand = "acme"
/// audiences = ["https://api.example.com"]
/// token_lifetime = 300                        # seconds, 1 to 600
///
/// [mint_limits]                               # mints per minute; 0 is without limit
/// per_key = 6000
/// per_address = 600
/// per_origin = 6000
///
/// [[scopes]]
/// name = "pictures:read"
/// description = "See pictures"
/// browser = true                              # a publishable key may have it
/// ```
#[derive(Clone, Debug, Default)]
pub struct SettingsFile {
    /// The address to listen on.
    pub listen: Option<SocketAddr>,
    /// Where browsers reach the issuer.
    pub public_url: Option<Origin>,
    /// What stands in front of the operator's keys.
    pub brand: Option<Brand>,
    /// The origins of the APIs that tokens are for.
    pub audiences: Option<Vec<Origin>>,
    /// How long a session token lives, in seconds.
    pub token_lifetime: Option<u64>,
    /// How often sessions may be minted.
    pub mint_limits: Option<MintLimits>,
    /// The catalogue.
    pub scopes: Catalogue,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Raw {
    #[serde(deserialize_with = "parsed_option")]
    listen: Option<SocketAddr>,
    public_url: Option<Origin>,
    #[serde(deserialize_with = "parsed_option")]
    brand: Option<Brand>,
    audiences: Option<Vec<Origin>>,
    #[serde(deserialize_with = "lifetime")]
    token_lifetime: Option<u64>,
    mint_limits: Option<RawLimits>,
    scopes: Vec<toml::Spanned<CatalogueScope>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "these are the names in the file")]
struct RawLimits {
    per_key: Option<u32>,
    per_address: Option<u32>,
    per_origin: Option<u32>,
}

impl RawLimits {
    fn resolve(&self) -> MintLimits {
        let default = MintLimits::default();
        let limit = |told: Option<u32>, default| told.map_or(default, NonZeroU32::new);
        MintLimits {
            per_key: limit(self.per_key, default.per_key),
            per_address: limit(self.per_address, default.per_address),
            per_origin: limit(self.per_origin, default.per_origin),
        }
    }
}

impl SettingsFile {
    /// Reads the file. Fails with `invalid_input`, the line, the member and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: Raw = toml::from_str(text).map_err(|error| at(text, error.span(), error.message()))?;
        let spans: Vec<_> = raw.scopes.iter().map(toml::Spanned::span).collect();
        let scopes = Catalogue::new(raw.scopes.into_iter().map(toml::Spanned::into_inner).collect())
            .map_err(|(i, detail)| at(text, spans.get(i).cloned(), detail))?;
        Ok(Self {
            listen: raw.listen,
            public_url: raw.public_url,
            brand: raw.brand,
            audiences: raw.audiences,
            token_lifetime: raw.token_lifetime,
            mint_limits: raw.mint_limits.map(|limits| limits.resolve()),
            scopes,
        })
    }
}

/// An error that says where: the line, and the member whose value stands there.
fn at(text: &str, span: Option<Range<usize>>, detail: &str) -> Error {
    let detail = detail.lines().collect::<Vec<_>>().join(", ");
    let Some(before) = span.and_then(|span| text.get(..span.start)) else {
        return Error::new(ErrorCode::InvalidInput, detail);
    };
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default().trim();
    let member = line.split_once('=').map_or(line, |(member, _)| member.trim_end());
    Error::new(ErrorCode::InvalidInput, format!("line {number}, {member}: {detail}"))
}

/// Reads a value from its text form.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn parsed_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    parsed(deserializer).map(Some)
}

fn lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if is_token_lifetime(seconds) { Ok(Some(seconds)) } else { Err(D::Error::custom("1 to 600 seconds")) }
}

#[cfg(test)]
mod tests {
    use super::SettingsFile;

    #[test]
    fn a_mistake_has_a_line_and_a_member() {
        for (text, expected) in [
            ("\npublic_url = \"nonsense\"", "line 2, public_url: "),
            ("brand = \"Acme\"", "line 1, brand: a brand has"),
            ("token_lifetime = 601", "line 1, token_lifetime: 1 to 600 seconds"),
            ("token_lifetime = \"x\"", "line 1, token_lifetime: invalid type"),
            ("a = 1", "line 1, a: unknown field"),
            ("[mint_limits]\nper_kee = 1", "line 2, per_kee: unknown field"),
            ("[mint_limits]\nper_key = -1", "line 2, per_key: "),
            ("[[scopes]]\nname = \"Pictures\"", "line 2, name: a scope has the form"),
            ("[[scopes]]\nname = \"a:b/c\"", "line 1, [[scopes]]: a catalogue names permissions"),
            ("[[scopes]]\nname = \"a:b\"\n\n[[scopes]]\nname = \"a:b\"", "line 4, [[scopes]]: this scope stands"),
            ("listen = \"7700\"", "line 1, listen: "),
            ("audiences = [\"https://a.example\", \"x\"]", "line 1, audiences: "),
            ("x", "line 1, x: "),
        ] {
            let error = SettingsFile::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_limit_of_zero_is_no_limit() {
        let limits = SettingsFile::parse("[mint_limits]\nper_address = 0").unwrap().mint_limits.unwrap();
        assert_eq!((limits.per_address, limits.per_key.map(u32::from)), (None, Some(6000)));
    }
}
