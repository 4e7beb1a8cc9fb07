//! `doorkey serve`: runs the issuer until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use doorkey_core::Origin;
use doorkey_issuer::{Database, DefaultKeys, Issuer, Settings, Store, Vault};
use doorkey_verifier::{SystemClock, SystemEntropy};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use crate::data::{DataFolder, database};
use crate::{Global, config, output};

/// How long open requests may take to finish after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7700]
    #[arg(long, value_name = "ADDRESS", env = "DOORKEY_LISTEN")]
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
    let mut file = config::load(global)?;
    let listen = arguments.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7700)));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let port = listener.local_addr()?.port();
    file.public_url = arguments.public_url.or(file.public_url);
    if !arguments.audiences.is_empty() {
        file.audiences = Some(arguments.audiences);
    }
    let settings = Settings::resolve(file, format!("http://localhost:{port}").parse()?)?;

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
    let stop = stop_signal()?;
    let address = listener.local_addr()?;
    output::data(&if arguments.json {
        ready_line(&issuer, address, &folder, keys.as_ref())
    } else {
        greeting(&issuer, &database, keys.as_ref())
    })?;
    drop(keys);

    tracing::info!(%address, %database, issuer = %issuer.settings().public_url(), "ready");
    let finished = doorkey_issuer::serve(listener, Arc::new(issuer).router(), stop, DRAIN).await;
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
) -> Zeroizing<String> {
    let secret = keys.map(|keys| keys.secret.to_key_string());
    let line = serde_json::json!({
        "issuer": issuer.settings().public_url(),
        "address": address,
        "publishable_key": keys.map(|keys| keys.publishable.to_string()),
        "secret_key": secret.as_deref(),
        "data": folder.path(),
    });
    Zeroizing::new(format!("{line}\n"))
}

/// The same for people, with what to do next.
fn greeting(issuer: &Issuer, database: &Database, keys: Option<&DefaultKeys>) -> Zeroizing<String> {
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
    Zeroizing::new(format!("Doorkey runs at {url}\nIts data is in  {database}\n{first_start}\nCtrl-C stops it.\n"))
}

const WITHOUT_SCOPES: &str = "
Neither key has a scope, because doorkey.toml lists none. Add [[scopes]] there, start again,
and make keys that have them: doorkey keys create --publishable
";

/// Done on the first SIGTERM or Ctrl-C.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
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
