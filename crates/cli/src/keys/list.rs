//! `doorkey keys list`.

use doorkey_core::Origin;
use doorkey_issuer::{KeyRecord, KeyState};
use doorkey_verifier::{Clock, SystemClock};

use super::Shown;
use crate::{Global, config, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where browsers reach the issuer [default: where it ran last]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin)]
    public_url: Option<Origin>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let registry = registry::open(global, arguments.public_url).await?;
    let records = registry.keys().await?;
    let keys: Vec<_> = records.iter().map(|record| registry.shown_key(record)).collect();
    if arguments.json {
        let shown: Vec<_> = records.iter().zip(&keys).map(|(record, key)| Shown::new(record, key)).collect();
        return output::answer(&format!("{}\n", serde_json::to_string(&shown)?));
    }
    let head =
        ["ID", "KEY", "STATE", "PROTECTED", "CREATED", "EXPIRES", "SCOPES", "ORIGINS", "NAME"].map(str::to_owned);
    let rows = records.iter().zip(keys).map(|(record, key)| row(record, key));
    output::answer(&output::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>()))
}

fn row(record: &KeyRecord, key: String) -> [String; 9] {
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let state = match (record.state(SystemClock.now()), record.leaked_at) {
        (KeyState::Active | KeyState::Rolling, Some(_)) => "leaked",
        (state, _) => state.as_str(),
    };
    let origins: Vec<_> = record.origins.iter().map(doorkey_core::OriginPattern::as_str).collect();
    [
        record.id.to_string(),
        key,
        state.to_owned(),
        if record.protected_at.is_some() { "yes" } else { "-" }.to_owned(),
        output::time(record.created_at),
        dash(record.expires_at.map(output::time).unwrap_or_default()),
        dash(record.scopes.to_string().replace(' ', ",")),
        dash(origins.join(",")),
        dash(record.name.clone().unwrap_or_default()),
    ]
}
