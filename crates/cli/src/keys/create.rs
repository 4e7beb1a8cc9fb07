//! `doorkey keys create`.

use doorkey_core::{Environment, KeyKind, Origin, OriginPattern, Scope};
use doorkey_issuer::{Actor, NewKey};

use super::Shown;
use crate::{Global, config, output, registry};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("kind").args(["publishable", "secret"]).required(true))]
#[command(group = clap::ArgGroup::new("environment").args(["live", "test"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag; the groups keep them apart")]
pub(crate) struct Arguments {
    /// For web pages: may be seen by everybody
    #[arg(long)]
    publishable: bool,
    /// For servers
    #[arg(long)]
    secret: bool,
    /// For real data
    #[arg(long)]
    live: bool,
    /// For data that may be thrown away; works on every localhost origin; the default
    #[arg(long)]
    test: bool,
    /// What to call the key
    #[arg(long)]
    name: Option<String>,
    /// An origin whose pages may use the key, `https://*.shop.example` for any one label in front; may be given several times
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<OriginPattern>,
    /// A scope that the key has; may be given several times [default: all that its kind may have]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// Give the key no scope
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
    /// How long its sessions' tokens live, 1 to 600
    #[arg(long, value_name = "SECONDS")]
    session_lifetime: Option<u64>,
    /// Demand a grant of a secret key for each session
    #[arg(long, conflicts_with = "secret")]
    require_grant: bool,
    /// Where browsers reach the issuer [default: where it ran last]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin)]
    public_url: Option<Origin>,
    /// Print the key and all that is known of it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let kind = if arguments.publishable { KeyKind::Publishable } else { KeyKind::Secret };
    let environment = if arguments.live { Environment::Live } else { Environment::Test };
    let mut new = NewKey::new(kind, environment).with_origins(arguments.origins);
    if let Some(name) = arguments.name {
        new = new.with_name(name);
    }
    if arguments.no_scopes || !arguments.scopes.is_empty() {
        new = new.with_scopes(arguments.scopes.into_iter().collect());
    }
    if let Some(seconds) = arguments.session_lifetime {
        new = new.with_session_lifetime(seconds);
    }
    if arguments.require_grant {
        new = new.with_required_grant();
    }
    let created = registry::open(global, arguments.public_url).await?.create_key(&Actor::operator(), new).await?;
    let key = created.to_key_string().unwrap_or_default();
    if arguments.json {
        let line = zeroize::Zeroizing::new(serde_json::to_string(&Shown::new(created.record(), &key))?);
        return output::data(&format!("{}\n", &*line));
    }
    output::data(&format!("{}\n", &*key))?;
    let id = created.record().id;
    match kind {
        KeyKind::Publishable => output::say(&format!("created {id}")),
        KeyKind::Secret => output::say(&format!("created {id}; the key is shown this once and stored nowhere")),
    }
    Ok(())
}
