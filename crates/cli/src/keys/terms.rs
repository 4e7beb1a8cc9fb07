//! What a key may do and what holds it back: the same flags for a new key and for one that changes, with REST's words.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use doorkey_core::{OriginPattern, Scope};
use doorkey_issuer::{KeyChanges, RateLimit, Restriction, parse_network};
use ipnet::IpNet;

use crate::flags::{
    Misuse, Or, list, map, or_none, parse_demand, parse_lifetime, parse_limit, parse_pair, parse_quota, parse_time,
};

/// In the order in which somebody needs them.
#[derive(clap::Args)]
pub(super) struct Terms {
    /// What to call the key; '' for its id
    #[arg(long)]
    name: Option<String>,

    /// An origin whose pages may use it, `https://*.shop.example` for any one label in front; may be given several times
    #[arg(long = "origin", value_name = "ORIGIN", help_heading = "What it may do", value_parser = or_none(str::parse::<OriginPattern>))]
    origins: Vec<Or<OriginPattern>>,
    /// A scope that it has; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", help_heading = "What it may do", value_parser = or_none(str::parse::<Scope>))]
    scopes: Vec<Or<Scope>>,

    /// How often it may be used, as 100/1m: 1 or more requests in a period of up to a day
    #[arg(long, value_name = "LIMIT", help_heading = "What holds it back", allow_hyphen_values = true, value_parser = or_none(parse_limit))]
    rate_limit: Option<Or<RateLimit>>,
    /// How many requests a month it is good for; with 0 all are refused
    #[arg(long, value_name = "REQUESTS", help_heading = "What holds it back", allow_negative_numbers = true, value_parser = or_none(parse_quota))]
    monthly_quota: Option<Or<u64>>,
    /// A network or address that a secret key works from; may be given several times
    #[arg(long = "cidr", value_name = "CIDR", help_heading = "What holds it back", value_parser = or_none(parse_network))]
    cidrs: Vec<Or<IpNet>>,
    /// When it expires: 2127-01-31, 2127-01-31T12:00:00Z, or a time from now, 90d
    #[arg(long, value_name = "TIME", help_heading = "What holds it back", allow_hyphen_values = true, value_parser = or_none(parse_time))]
    expires_at: Option<Or<u64>>,
    /// How long the tokens of a publishable key's sessions live, 1 to 600
    #[arg(long, value_name = "SECONDS", help_heading = "What holds it back", allow_negative_numbers = true, value_parser = or_none(parse_lifetime))]
    session_lifetime: Option<Or<u64>>,
    /// Demand a grant of a secret key for each session; `=false` or `=none` takes it back
    #[arg(long, alias = "require-grant", value_name = "BOOL", help_heading = "What holds it back", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_demand)]
    requires_grant: Option<bool>,
    /// A limit of your own that `doorkey.toml` names, `max_pictures=10`; may be given several times
    #[arg(long = "limit", value_name = "NAME=NUMBER", help_heading = "What holds it back", value_parser = or_none(parse_pair::<u64>))]
    limits: Vec<Or<(String, u64)>>,
    /// A restriction that refuses nothing yet and counts what it would have refused, see `doorkey keys usage`; may be given
    /// several times
    #[arg(long, value_name = "RESTRICTION", help_heading = "What holds it back", value_parser = restriction())]
    shadow: Vec<Or<Restriction>>,

    /// What it is for; '' for nothing
    #[arg(long, value_name = "TEXT", help_heading = "What is written down of it")]
    description: Option<String>,
    /// A text of your own under a name of your own, `team=shop`; may be given several times
    #[arg(long, value_name = "NAME=TEXT", help_heading = "What is written down of it", value_parser = or_none(parse_pair::<String>))]
    metadata: Vec<Or<(String, String)>>,
    /// When it should be rolled; written as for --expires-at
    #[arg(long, value_name = "TIME", help_heading = "What is written down of it", allow_hyphen_values = true, value_parser = or_none(parse_time))]
    rotation_due_at: Option<Or<u64>>,
}

impl Terms {
    /// What they ask for, but for workspaces.
    pub(super) fn into_changes(self) -> Result<KeyChanges, Misuse> {
        let unless_empty = |text: String| if text.is_empty() { None } else { Some(text) };
        let limits = list("--limit", self.limits)?.map(|pairs| map("--limit", pairs)).transpose()?;
        let metadata = list("--metadata", self.metadata)?.map(|pairs| map("--metadata", pairs)).transpose()?;
        Ok(KeyChanges {
            name: self.name.map(unless_empty),
            description: self.description.map(unless_empty),
            metadata,
            scopes: list("--scope", self.scopes)?.map(|scopes| scopes.into_iter().collect()),
            workspaces: None,
            origins: list("--origin", self.origins)?,
            cidrs: list("--cidr", self.cidrs)?,
            rate_limit: self.rate_limit.map(Or::into_value),
            monthly_quota: self.monthly_quota.map(Or::into_value),
            limits,
            shadow: list("--shadow", self.shadow)?.map(|shadow| shadow.into_iter().collect()),
            session_lifetime: self.session_lifetime.map(Or::into_value),
            expires_at: self.expires_at.map(Or::into_value),
            rotation_due_at: self.rotation_due_at.map(Or::into_value),
            requires_grant: self.requires_grant,
        })
    }
}

/// The restrictions by name, so that the help lists them.
fn restriction() -> impl TypedValueParser<Value = Or<Restriction>> {
    let names = Restriction::ALL.map(Restriction::as_str);
    let words = names.into_iter().chain(std::iter::once("none"));
    PossibleValuesParser::new(words).try_map(|text| or_none(str::parse::<Restriction>)(&text))
}
