//! `doorkey keys create`.

use doorkey_core::{Environment, KeyKind, OrganizationId, Origin, ScopeSet, WorkspaceId};
use doorkey_issuer::{Actor, CreatedKey, KeyPlace, NewKey, Registry};
use zeroize::Zeroizing;

use super::Shown;
use super::terms::Terms;
use crate::flags::{Or, list, or_word};
use crate::{Global, config, output, registry};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("kind").args(["publishable", "secret"]).required(true))]
#[command(group = clap::ArgGroup::new("environment").args(["live", "test"]))]
#[command(after_help = EXAMPLES)]
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
    #[command(flatten)]
    terms: Terms,
    /// As `--scope none`
    #[arg(long, hide = true, conflicts_with = "scopes")]
    no_scopes: bool,
    /// Keep it from being revoked, disabled and rolled until a member lifts that
    #[arg(long, help_heading = "What holds it back")]
    protected: bool,
    /// The workspace that it belongs to [default: the oldest]
    #[arg(long, value_name = "ID", help_heading = "Whose it is", conflicts_with = "organization")]
    workspace: Option<WorkspaceId>,
    /// The organization that a secret key belongs to
    #[arg(long, value_name = "ID", help_heading = "Whose it is")]
    organization: Option<OrganizationId>,
    /// A workspace that an organization's key is for, or `all`; may be given several times [default: all]
    #[arg(long = "for-workspace", value_name = "ID", help_heading = "Whose it is", requires = "organization", value_parser = or_word("all", str::parse::<WorkspaceId>))]
    workspaces: Vec<Or<WorkspaceId>>,
    /// Print the key and all that is known of it as JSON
    #[arg(long, help_heading = "What is printed")]
    json: bool,
    /// Where browsers reach the issuer [default: where it ran last]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin, help_heading = "Where things are")]
    public_url: Option<Origin>,
}

const EXAMPLES: &str = "\
Without --scope it has all scopes that its kind may have; what else is left out is the issuer's default.
`none` is without; of name and description '' is.

Examples:
  doorkey keys create --publishable --live --origin https://shop.example
  doorkey keys create --secret --live --name Backend --rate-limit 100/1m --monthly-quota 1000000 --cidr 192.0.2.0/24";

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let kind = if arguments.publishable { KeyKind::Publishable } else { KeyKind::Secret };
    let environment = if arguments.live { Environment::Live } else { Environment::Test };
    let workspaces = list("--for-workspace", arguments.workspaces)?.filter(|workspaces| !workspaces.is_empty());
    let mut new = NewKey::new(kind, environment).with_changes(arguments.terms.into_changes()?);
    if arguments.no_scopes {
        new = new.with_scopes(ScopeSet::empty());
    }
    if arguments.protected {
        new = new.with_protection();
    }
    if let Some(organization) = arguments.organization {
        new = new.with_place(KeyPlace::Organization(organization, workspaces));
    } else if let Some(workspace) = arguments.workspace {
        new = new.with_place(KeyPlace::Workspace(workspace));
    }
    let registry = registry::open(global, arguments.public_url).await?;
    let created = registry.create_key(&Actor::operator(), new).await?;
    let (id, key) = (created.record().id, created.to_key_string().unwrap_or_default());
    let text = if arguments.json {
        Zeroizing::new(serde_json::to_string(&Shown::new(created.record(), &key))? + "\n")
    } else {
        Zeroizing::new(format!("{}\n", &*key))
    };
    if let Err(unwritten) = output::data(&text) {
        return Err(unwritten.context(take_back(&registry, created).await));
    }
    match kind {
        _ if arguments.json => {}
        KeyKind::Publishable => output::say(&format!("created {id}")),
        KeyKind::Secret => output::say(&format!("created {id}; the key is shown this once and stored nowhere")),
    }
    Ok(())
}

/// Sees to it that no secret key goes on that nobody has; says what has become of it.
async fn take_back(registry: &Registry, created: CreatedKey) -> String {
    let id = created.record().id;
    if created.record().kind == KeyKind::Publishable {
        return format!("{id} was created, and doorkey keys list shows it");
    }
    match registry.withdraw_key(&Actor::operator(), created).await {
        Ok(()) => format!("{id} was created and is revoked again, for nobody has seen it"),
        Err(error) => format!("{id} is active, though nobody has seen it: doorkey keys revoke {id} ({error})"),
    }
}
