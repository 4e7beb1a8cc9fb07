//! `doorkey verifiers add`.

use doorkey_core::Origin;
use doorkey_issuer::Actor;
use zeroize::Zeroizing;

use super::Shown;
use crate::{Global, config, output, registry};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to call it: the API that it stands in front of, the machine
    #[arg(value_name = "NAME")]
    name: String,
    /// Where verifiers reach the issuer [default: where it ran last]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin)]
    public_url: Option<Origin>,
    /// Print the credential and all that is known of the verifier as JSON
    #[arg(long)]
    json: bool,
}

/// A verifier that was just added.
#[derive(serde::Serialize)]
struct Added<'a> {
    credential: &'a str,
    #[serde(flatten)]
    verifier: Shown<'a>,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let registry = registry::open(global, arguments.public_url).await?;
    let (record, credential) = registry.add_verifier(&Actor::operator(), &arguments.name).await?;
    let text = credential.to_text();
    if arguments.json {
        let added = Added { credential: &text, verifier: Shown::new(&record) };
        let line = Zeroizing::new(serde_json::to_string(&added)?);
        return output::data(&format!("{}\n", &*line));
    }
    output::data(&format!("{}\n", &*text))?;
    let (id, issuer) = (record.id, credential.issuer());
    output::say(&format!(
        "added {id}; the credential is shown this once and stored nowhere\n\
         give it to the verifier as a secret: with it, it signs in at {issuer}, follows the keys and reports their use"
    ));
    Ok(())
}
