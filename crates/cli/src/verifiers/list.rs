//! `doorkey verifiers list`.

use doorkey_core::Origin;
use doorkey_issuer::VerifierRecord;

use super::Shown;
use crate::{Global, config, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where verifiers reach the issuer [default: where it ran last]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin)]
    public_url: Option<Origin>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let records = registry::open(global, arguments.public_url).await?.verifiers().await?;
    if arguments.json {
        let shown: Vec<_> = records.iter().map(Shown::new).collect();
        return output::answer(&format!("{}\n", serde_json::to_string(&shown)?));
    }
    let head = ["ID", "STATE", "CREATED", "LAST SEEN", "NAME"].map(str::to_owned);
    output::answer(&output::table(&std::iter::once(head).chain(records.iter().map(row)).collect::<Vec<_>>()))
}

fn row(record: &VerifierRecord) -> [String; 5] {
    let Shown { id, name, state, .. } = Shown::new(record);
    let seen = record.last_seen_at.map_or_else(|| "-".to_owned(), output::time);
    [id, state.to_owned(), output::time(record.created_at), seen, name.to_owned()]
}
