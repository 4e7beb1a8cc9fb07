//! `doorkey verifiers revoke`.

use doorkey_core::VerifierId;
use doorkey_issuer::Actor;

use crate::ids::OfVerifier;
use crate::{Global, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The verifier's id, `ver_…`, as `doorkey verifiers list` shows it
    #[arg(value_name = "VERIFIER_ID", value_parser = OfVerifier)]
    verifier: VerifierId,
}

pub(crate) async fn run(global: &Global, arguments: &Arguments) -> anyhow::Result<()> {
    let registry = registry::open(global, None).await?;
    let record = registry.revoke_verifier(&Actor::operator(), arguments.verifier).await?;
    output::say(&format!("revoked {}", record.id));
    Ok(())
}
