//! `doorkey keys update`.

use doorkey_core::{KeyId, WorkspaceId};
use doorkey_issuer::{Actor, KeyChanges};

use super::Shown;
use super::terms::Terms;
use crate::flags::{Misuse, Or, list, or_word};
use crate::ids::OfKey;
use crate::{Global, output, registry};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The key's id, `key_…`, as `doorkey keys list` shows it
    #[arg(value_name = "KEY_ID", value_parser = OfKey)]
    key: KeyId,
    #[command(flatten)]
    terms: Terms,
    /// A workspace that an organization's key is for, or `all`; may be given several times
    #[arg(long = "for-workspace", value_name = "ID", help_heading = "Whose it is", value_parser = or_word("all", str::parse::<WorkspaceId>))]
    workspaces: Vec<Or<WorkspaceId>>,
    /// Print all that is known of the key as JSON
    #[arg(long, help_heading = "What is printed")]
    json: bool,
}

const EXAMPLES: &str = "\
What is left out stays. What may be given several times replaces all that is there. `none` takes away what is there,
'' a name or description; `--for-workspace all` stands for all of them.

Examples:
  doorkey keys update key_01h455vb4pex5vsknk084sn02q --rate-limit 100/1m --cidr 192.0.2.0/24 --cidr 2001:db8::/32
  doorkey keys update key_01h455vb4pex5vsknk084sn02q --monthly-quota none";

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let mut changes = arguments.terms.into_changes()?;
    changes.workspaces = list("--for-workspace", arguments.workspaces)?
        .map(|workspaces| if workspaces.is_empty() { None } else { Some(workspaces) });
    if changes == KeyChanges::default() {
        return Err(Misuse::new("say what shall change: doorkey keys update --help lists what can").into());
    }
    let registry = registry::open(global, None).await?;
    let record = registry.change_key(&Actor::operator(), arguments.key, &changes).await?;
    if arguments.json {
        let key = registry.shown_key(&record);
        output::answer(&format!("{}\n", serde_json::to_string(&Shown::new(&record, &key))?))?;
    } else {
        output::say(&format!("updated {}", record.id));
    }
    Ok(())
}
