//! `doorkey members recover`.

use doorkey_issuer::{Actor, Email};

use crate::{Global, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address that the member signs in with
    #[arg(value_name = "EMAIL")]
    email: Email,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let link = registry::open(global, None).await?.recovery_link(&Actor::operator(), &arguments.email).await?;
    output::data(&format!("{}\n", link.as_str()))?;
    output::say("whoever opens this link within an hour sets a new password, once; every sign-in of theirs ends then");
    Ok(())
}
