//! `doorkey keys revoke`.

use doorkey_core::KeyId;
use doorkey_issuer::Actor;

use crate::ids::OfKey;
use crate::{Global, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The key's id, `key_…`, as `doorkey keys list` shows it
    #[arg(value_name = "KEY_ID", value_parser = OfKey)]
    key: KeyId,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let record = registry::open(global, None).await?.revoke_key(&Actor::operator(), arguments.key).await?;
    output::say(&format!("revoked {}", record.id));
    Ok(())
}
