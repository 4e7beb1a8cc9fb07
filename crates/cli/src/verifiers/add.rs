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
    let (id, issuer, credential) = (record.id, credential.issuer(), credential.to_text());
    let text = if arguments.json {
        let added = Added { credential: &credential, verifier: Shown::new(&record) };
        Zeroizing::new(serde_json::to_string(&added)? + "\n")
    } else {
        Zeroizing::new(format!("{}\n", &*credential))
    };
    if let Err(unwritten) = output::data(&text) {
        // No credential shall go on that nobody has.
        return Err(unwritten.context(match registry.revoke_verifier(&Actor::operator(), id).await {
            Ok(_) => format!("{id} was added and is revoked again, for nobody has seen its credential"),
            Err(error) => {
                format!(
                    "{id} is active, though nobody has seen its credential: doorkey verifiers revoke {id} ({error})"
                )
            }
        }));
    }
    if !arguments.json {
        output::say(&format!(
            "added {id}; the credential is shown this once and stored nowhere\n\
             give it to the verifier as a secret: with it, it signs in at {issuer}, follows the keys and reports their use"
        ));
    }
    Ok(())
}
