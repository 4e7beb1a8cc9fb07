//! `doorkey.toml`: read strictly, and wrong with line and member.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;

use doorkey_core::{Brand, ErrorCode, Origin};
use serde::de::{Deserialize, Deserializer, Error as _};

use super::{
    Catalogue, CatalogueScope, CustomLimit, CustomLimits, KeyDefaults, MintLimits, TrustedProxies, is_token_lifetime,
};
use crate::error::Error;

/// What `doorkey.toml` says; whatever it leaves out is `None`.
///
/// ```toml
/// listen = "127.0.0.1:7700"
/// public_url = "https://keys.example.com"
/// brand = "acme"
/// audiences = ["https://api.example.com"]
/// token_lifetime = 300                        # seconds, 1 to 600
/// trusted_proxies = ["10.0.0.0/8"]            # networks or addresses, whose X-Forwarded-For or Forwarded is believed
///
/// [mint_limits]                               # mints per minute; 0 is without limit
/// per_key = 6000
/// per_address = 600
/// per_origin = 6000
///
/// [keys]                                      # what holds for keys unless they say otherwise
/// per_workspace = 50                          # active keys, 1 to 10000
/// lifetime_days = 365                         # a new key expires
/// rotation_days = 90                          # a key should be rolled
/// rate_limit = { requests = 100, period = 1 } # period in seconds, 1 to 86400
/// monthly_quota = 1000000                     # requests
///
/// [[scopes]]
/// name = "pictures:read"
/// description = "See pictures"
/// browser = true                              # a publishable key may have it
/// viewer = true                               # so has the role viewer; without it, those that end in :read
/// reusable_urls = true                        # a signed URL for it works more than once, for downloads that resume
///
/// [[limits]]                                  # a limit that the API enforces itself
/// name = "max_pictures"
/// description = "How many pictures may be stored"
/// unit = "pictures"
/// default = 1000
/// maximum = 100000
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
    /// The proxies in front of the issuer.
    pub trusted_proxies: TrustedProxies,
    /// What holds for keys.
    pub keys: KeyDefaults,
    /// The catalogue.
    pub scopes: Catalogue,
    /// The limits that keys may carry.
    pub limits: CustomLimits,
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
    trusted_proxies: TrustedProxies,
    keys: KeyDefaults,
    scopes: Vec<toml::Spanned<CatalogueScope>>,
    limits: Vec<toml::Spanned<CustomLimit>>,
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
        let scopes = all(text, raw.scopes, Catalogue::new)?;
        let limits = all(text, raw.limits, CustomLimits::new)?;
        Ok(Self {
            listen: raw.listen,
            public_url: raw.public_url,
            brand: raw.brand,
            audiences: raw.audiences,
            token_lifetime: raw.token_lifetime,
            mint_limits: raw.mint_limits.map(|limits| limits.resolve()),
            trusted_proxies: raw.trusted_proxies,
            keys: raw.keys,
            scopes,
            limits,
        })
    }
}

/// Puts entries together; an error of one of them says where it stands.
fn all<T, A>(
    text: &str,
    entries: Vec<toml::Spanned<T>>,
    together: impl FnOnce(Vec<T>) -> Result<A, (usize, &'static str)>,
) -> Result<A, Error> {
    let spans: Vec<_> = entries.iter().map(toml::Spanned::span).collect();
    together(entries.into_iter().map(toml::Spanned::into_inner).collect())
        .map_err(|(i, detail)| at(text, spans.get(i).cloned(), detail))
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
fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
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
            ("[[scopes]]\n\nname = \"doorkey.keys:read\"", "line 3, name: scopes that begin with doorkey."),
            ("[[scopes]]\nname = \"a:b\"\nviewer = 1", "line 3, viewer: invalid type"),
            ("[[limits]]\nname = \"Max\"", "line 2, name: a limit's name has"),
            ("[[limits]]\nname = \"a\"\ndefault = -1", "line 3, default: "),
            ("[[limits]]\nname = \"a\"\ndefault = 2\nmaximum = 1", "line 1, [[limits]]: the default is above"),
            ("[[limits]]\nname = \"a\"\n[[limits]]\nname = \"a\"", "line 3, [[limits]]: this limit stands"),
            ("[keys]\nper_workspace = 0", "line 2, per_workspace: 1 to 10000"),
            ("[keys]\nper_workspace = 10001", "line 2, per_workspace: 1 to 10000"),
            ("[keys]\nlifetime_days = 0", "line 2, lifetime_days: 1 to 3650"),
            ("[keys]\nmonthly_quota = 0", "line 2, monthly_quota: 1 or more"),
            ("[keys]\nrate_limit = { requests = 0, period = 1 }", "line 2, rate_limit: 1 or more"),
            ("[keys]\nrate_limit = { requests = 1, period = 86401 }", "line 2, rate_limit: 1 to 86400"),
            ("[keys]\nrate_limit = { requests = 1 }", "line 2, rate_limit: missing field `period`"),
            ("[keys]\nper_work = 1", "line 2, per_work: unknown field"),
            ("listen = \"7700\"", "line 1, listen: "),
            ("audiences = [\"https://a.example\", \"x\"]", "line 1, audiences: "),
            ("\ntrusted_proxies = [\"10.0.0.0/8\", \"x\"]", "line 2, trusted_proxies: entry 2 is neither an address"),
            ("trusted_proxies = [\n\"10.0.0.0/33\"\n]", "line 1, trusted_proxies: entry 1 is neither an address"),
            ("trusted_proxies = [\"0.0.0.0/0\"]", "line 1, trusted_proxies: entry 1 is everybody"),
            ("trusted_proxies = \"10.0.0.1\"", "line 1, trusted_proxies: invalid type"),
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

    #[test]
    fn what_is_left_out_has_a_default() {
        let file = SettingsFile::parse("[[scopes]]\nname = \"a:read\"\n[[scopes]]\nname = \"a:write\"").unwrap();
        assert_eq!(file.scopes.viewer_scopes().to_string(), "a:read");
        assert_eq!((file.keys.per_workspace, file.keys.rate_limit), (50, None));
        let text = "[[scopes]]\nname = \"a:read\"\nviewer = false\n[[scopes]]\nname = \"a:write\"\nviewer = true
            [[limits]]\nname = \"max_a\"\nunit = \"MB\"\ndefault = 2\nmaximum = 2
            [keys]\nrate_limit = { requests = 100, period = 86400 }\nlifetime_days = 365\nmonthly_quota = 7";
        let file = SettingsFile::parse(text).unwrap();
        assert_eq!(file.scopes.viewer_scopes().to_string(), "a:write");
        assert_eq!(file.keys.rate_limit, super::super::RateLimit::new(100, 86_400));
        assert_eq!((file.keys.lifetime_days, file.keys.monthly_quota), (Some(365), Some(7)));
        let limit = file.limits.find("max_a").unwrap();
        assert_eq!((limit.default, limit.maximum, limit.unit.as_deref()), (Some(2), Some(2), Some("MB")));
        assert!(file.limits.find("max_b").is_none());
    }

    #[test]
    fn catalogues_have_an_end() {
        let scopes = |count| "[[scopes]]\nname = \"aN:b\"\n".repeat(count);
        let limits = |count| "[[limits]]\nname = \"aN\"\n".repeat(count);
        let parse = |text: String| {
            let pieces = text.split('N').enumerate();
            SettingsFile::parse(
                &pieces.map(|(i, piece)| if i == 0 { piece.into() } else { i.to_string() + piece }).collect::<String>(),
            )
        };
        assert_eq!(parse(scopes(1000)).unwrap().scopes.all().len(), 1000);
        assert!(parse(scopes(1001)).unwrap_err().to_string().starts_with("line 2001, [[scopes]]: "));
        let proxies = |count| format!("trusted_proxies = [{}]", "\"192.0.2.1\",".repeat(count));
        assert!(SettingsFile::parse(&proxies(100)).is_ok());
        let error = SettingsFile::parse(&proxies(101)).unwrap_err().to_string();
        assert_eq!(error, "line 1, trusted_proxies: at most 100 of them");
        assert_eq!(parse(limits(100)).unwrap().limits.all().len(), 100);
        assert!(parse(limits(101)).unwrap_err().to_string().starts_with("line 201, [[limits]]: "));
    }
}
