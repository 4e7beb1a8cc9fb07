//! `doorkey keys usage`.

use std::collections::BTreeMap;

use doorkey_core::KeyId;
use doorkey_issuer::{Actor, UsageCounts};
use doorkey_verifier::{Clock, SystemClock};

use crate::ids::OfKey;
use crate::{Global, flags, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The key's id, `key_…`, as `doorkey keys list` shows it
    #[arg(value_name = "KEY_ID", value_parser = OfKey)]
    key: KeyId,
    /// Print JSON, as the `totals` of `GET /v1/keys/{key}/usage`
    #[arg(long)]
    json: bool,
}

/// What a key was used for in a time.
#[derive(serde::Serialize)]
struct Used {
    key: KeyId,
    since: u64,
    until: u64,
    totals: UsageCounts,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let until = SystemClock.now();
    let since = flags::month_of(until);
    let key = arguments.key;
    let registry = registry::open(global, None).await?;
    // Without its end: what a verifier whose clock is ahead has reported belongs to it.
    let totals = registry.usage_totals(&Actor::operator(), key, since, u64::MAX).await?;
    if arguments.json {
        return output::answer(&format!("{}\n", serde_json::to_string(&Used { key, since, until, totals })?));
    }
    output::answer(&output::table(&rows(&totals)))?;
    output::say(&format!("since {}; counts come in within a minute", output::time(since)));
    Ok(())
}

fn rows(totals: &UsageCounts) -> Vec<[String; 3]> {
    let row = |what: &str, which: &str, count: u64| [what.to_owned(), which.to_owned(), count.to_string()];
    let each = |what: &'static str, counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(which, count)| row(what, which, *count)).collect::<Vec<_>>()
    };
    let head = ["WHAT", "WHICH", "COUNT"].map(str::to_owned);
    let mut rows = vec![head, row("requests accepted", "-", totals.accepted)];
    rows.extend(each("requests refused", &totals.refused));
    rows.extend(each("would be refused, in shadow", &totals.shadowed));
    rows.push(row("sessions", "-", totals.minted));
    rows.extend(each("sessions refused", &totals.mints_refused));
    rows
}
