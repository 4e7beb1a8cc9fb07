//! `doorkey serve`: runs the issuer until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use doorkey_core::Origin;
use doorkey_issuer::{Database, DefaultKeys, Issuer, Link, Settings, SettingsFile, Store, Vault};
use doorkey_verifier::{SystemClock, SystemEntropy};
use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::data::{DataFolder, database};
use crate::flags::parse_listen;
use crate::{Global, config, output};

/// How long open requests may take to finish after the signal to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDRESS", env = "DOORKEY_LISTEN", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// Where browsers reach the issuer [default: http://localhost:PORT]
    #[arg(long, value_name = "URL", env = "DOORKEY_PUBLIC_URL", value_parser = config::parse_origin)]
    public_url: Option<Origin>,
    /// The origin of an API that tokens are for; may be given several times [default: the public URL]
    #[arg(long = "audience", value_name = "URL", env = "DOORKEY_AUDIENCES", value_delimiter = ',', value_parser = config::parse_origin)]
    audiences: Vec<Origin>,
    /// Print one line of JSON when ready, in place of text
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let file = config::load(global)?;
    let listen = arguments.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7700)));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let port = listener.local_addr()?.port();
    let told = Told {
        fallback: format!("http://localhost:{port}").parse()?,
        public_url: arguments.public_url,
        audiences: arguments.audiences,
    };
    let settings = told.resolve(file)?;

    let folder = DataFolder::create(&global.data)?;
    let database = database(global)?;
    let store = Store::open(&database).await.with_context(|| database.to_string())?;
    let vault = Arc::new(Vault::new(&*folder.master_key(store.is_empty().await?)?));
    if let Some(before) = store.public_url().await?
        && before != *settings.public_url()
    {
        tracing::warn!(%before, now = %settings.public_url(), "publishable keys name the address that they were made at");
    }
    let (issuer, keys) =
        Issuer::open(settings, store.clone(), &vault, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    let setup_link = issuer.registry().setup_link().await?;
    let stop = stop_signal()?;
    let address = listener.local_addr()?;
    output::data(&if arguments.json {
        ready_line(&issuer, address, &folder, keys.as_ref(), setup_link.as_ref())
    } else {
        greeting(&issuer, &database, keys.as_ref(), setup_link.as_ref())
    })?;
    drop(keys);

    tracing::info!(%address, %database, issuer = %issuer.settings().public_url(), "ready");
    let issuer = Arc::new(issuer);
    let (stop_keeper, stopped) = oneshot::channel::<()>();
    let keeper = tokio::spawn({
        let issuer = Arc::clone(&issuer);
        async move { issuer.registry().keep(async { drop(stopped.await) }).await }
    });
    let reloader = reload_on_signal(Arc::clone(&issuer), global.clone(), told)?;
    // Verifiers' streams end at the signal, for open requests are waited for.
    let stop = stop.shared();
    let feed = tokio::spawn({
        let (issuer, stop) = (Arc::clone(&issuer), stop.clone());
        async move { issuer.feed_verifiers(stop).await }
    });
    let finished = doorkey_issuer::serve(listener, issuer.router(), stop, DRAIN).await;
    reloader.abort();
    feed.await?;
    drop(stop_keeper);
    keeper.await?;
    store.close().await;
    tracing::info!(finished, "stopped");
    Ok(())
}

/// The ready line for programs. The keys are in it on the first start alone.
fn ready_line(
    issuer: &Issuer,
    address: SocketAddr,
    folder: &DataFolder,
    keys: Option<&DefaultKeys>,
    setup_link: Option<&Link>,
) -> Zeroizing<String> {
    let secret = keys.map(|keys| keys.secret.to_key_string());
    let line = serde_json::json!({
        "issuer": issuer.settings().public_url(),
        "address": address,
        "publishable_key": keys.map(|keys| keys.publishable.to_string()),
        "secret_key": secret.as_deref(),
        "setup_url": setup_link.map(Link::as_str),
        "data": folder.path(),
    });
    Zeroizing::new(format!("{line}\n"))
}

/// The same for people, with what to do next.
fn greeting(
    issuer: &Issuer,
    database: &Database,
    keys: Option<&DefaultKeys>,
    setup_link: Option<&Link>,
) -> Zeroizing<String> {
    let settings = issuer.settings();
    let url = settings.public_url();
    let first_start = keys.map_or_else(Zeroizing::default, |keys| {
        let (publishable, secret) = (&keys.publishable, keys.secret.to_key_string());
        let secret = secret.as_str();
        let without_scopes = if issuer.settings().catalogue().all().is_empty() { WITHOUT_SCOPES } else { "" };
        Zeroizing::new(format!(
            "
This is its first start, so it made a pair of keys for the test environment:

  publishable  {publishable}
  secret       {secret}

The publishable key may stand in a page; it works on every localhost origin.
The secret key stays on your server. It is shown this once and stored nowhere: keep it now.
{without_scopes}"
        ))
    });
    let first_start = first_start.as_str();
    let setup = setup_link.map_or_else(Zeroizing::default, |link| {
        let link = link.as_str();
        Zeroizing::new(format!(
            "
Nobody can sign in yet. With this link the first admin does, once, within 24 hours:

  {link}

Until the console has a page for it, send what stands behind #token= to POST {url}/v1/setup,
with email, name and password.
"
        ))
    });
    let setup = setup.as_str();
    let audiences = settings.audiences().iter().map(Origin::as_str).collect::<Vec<_>>().join(", ");
    let without_audience = if settings.audiences() == [url.clone()] { WITHOUT_AUDIENCE } else { "" };
    Zeroizing::new(format!(
        "Doorkey runs at {url}\nIts data is in  {database}\nSessions are for {audiences}\n{without_audience}{first_start}{setup}\nCtrl-C stops it.\n"
    ))
}

/// Nobody's pages call the issuer: whoever leaves it at that finds that their API gets no credential.
const WITHOUT_AUDIENCE: &str = "
That is the issuer itself, and pages sign calls to no other origin. Name your API's, as pages call it:

  doorkey serve --audience http://localhost:3880
";

const WITHOUT_SCOPES: &str = "
Neither key has a scope, because doorkey.toml lists none. Add [[scopes]] there, start again,
and make keys that have them: doorkey keys create --publishable
";

/// What the command line says, which comes before the file, at the start and at each reload.
struct Told {
    fallback: Origin,
    public_url: Option<Origin>,
    audiences: Vec<Origin>,
}

impl Told {
    fn resolve(&self, mut file: SettingsFile) -> anyhow::Result<Settings> {
        file.public_url = self.public_url.clone().or(file.public_url);
        if !self.audiences.is_empty() {
            file.audiences = Some(self.audiences.clone());
        }
        Ok(Settings::resolve(file, self.fallback.clone())?)
    }
}

/// Reads the file again on each SIGHUP. One that is wrong changes nothing, and the log says where it is wrong.
fn reload_on_signal(issuer: Arc<Issuer>, global: Global, told: Told) -> anyhow::Result<JoinHandle<()>> {
    #[cfg(unix)]
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        #[cfg(unix)]
        while hangup.recv().await.is_some() {
            let reloaded = config::load(&global).and_then(|file| told.resolve(file));
            match reloaded.and_then(|settings| Ok(issuer.reload(settings)?)) {
                Ok(()) => tracing::info!("settings reloaded"),
                Err(error) => tracing::error!("settings stay as they are: {error:#}"),
            }
        }
    }))
}

/// Done on the first SIGTERM or Ctrl-C.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
