//! `doorkey gate`: checks requests in front of a service, in whatever language that is written.

mod admin;
mod credential;
mod flags;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use doorkey_core::{Environment, Origin};
use doorkey_verifier::{
    ForwardAuth, IssuerClient, IssuerLink, Limits, Policy, RateLimit, Redis, ReverseProxy, SharedReplay, SystemClock,
    TrustedProxies, Verifier, VerifierCredential, serve,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::admin::Admin;
use crate::data::DataFolder;
use crate::flags::{parse_limit, parse_listen};
use crate::serve::{DRAIN, stop_signal};
use crate::{Global, config, output};

/// How long the start waits for the issuer: without a directory every request is refused.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The public origin of the API; may be given several times
    #[arg(long = "audience", value_name = "URL", env = "DOORKEY_GATE_AUDIENCES", value_delimiter = ',', required = true, value_parser = config::parse_origin)]
    audiences: Vec<Origin>,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", env = "DOORKEY_GATE_LISTEN", default_value = "127.0.0.1:7702", value_parser = parse_listen)]
    listen: SocketAddr,
    /// The service to send accepted requests on to [default: none, front servers ask instead]
    #[arg(long, value_name = "URL", env = "DOORKEY_GATE_UPSTREAM", value_parser = config::parse_origin)]
    upstream: Option<Origin>,
    /// How long the service may take for the head of a response
    #[arg(long, value_name = "TIME", env = "DOORKEY_GATE_UPSTREAM_TIMEOUT", default_value = "60s", value_parser = humantime::parse_duration)]
    upstream_timeout: Duration,
    /// Where /metrics, /healthz and /readyz are; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", env = "DOORKEY_GATE_METRICS", default_value = "127.0.0.1:7703", value_parser = parse_listen)]
    metrics: SocketAddr,
    /// A file with the verifier's credential, for its owner's eyes alone [default: the variable `DOORKEY_VERIFIER`]
    #[arg(long, value_name = "FILE", env = "DOORKEY_GATE_CREDENTIAL_FILE")]
    credential_file: Option<PathBuf>,
    /// Where the issuer is reached [default: where the credential says]
    #[arg(long, value_name = "URL", env = "DOORKEY_GATE_ISSUER_ADDRESS", value_parser = config::parse_origin)]
    issuer_address: Option<Origin>,
    /// How old the list of keys may be before every request is refused
    #[arg(long, value_name = "TIME", env = "DOORKEY_GATE_MAX_STALENESS", default_value = "10s", value_parser = humantime::parse_duration)]
    max_staleness: Duration,
    /// An address or network of a proxy in front that is believed where a request came from; may be given several times
    #[arg(long = "trusted-proxy", value_name = "CIDR", env = "DOORKEY_GATE_TRUSTED_PROXIES", value_delimiter = ',')]
    trusted_proxies: Vec<String>,
    /// Take keys of this environment alone: live or test
    #[arg(long, value_name = "NAME", env = "DOORKEY_GATE_ENVIRONMENT", value_parser = flags::parse_environment)]
    environment: Option<Environment>,
    /// Take secret keys in the URL, too, as the parameter `api_key`
    #[arg(long, env = "DOORKEY_GATE_API_KEY_PARAMETER")]
    api_key_parameter: bool,
    /// Take paths that front server and service may read differently, too (`//`, `%2f`, `;`); then no location can need a
    /// scope
    #[arg(long, env = "DOORKEY_GATE_ALLOW_AMBIGUOUS_PATHS", conflicts_with = "upstream")]
    allow_ambiguous_paths: bool,
    /// The most of a signed body that is taken
    #[arg(long, value_name = "SIZE", env = "DOORKEY_GATE_BODY_LIMIT", default_value = "10MiB", value_parser = flags::parse_size)]
    body_limit: usize,
    /// How often one address may call, as 100/1m; an IPv6 network of 64 bits is one [default: as often as it likes]
    #[arg(long, value_name = "LIMIT", env = "DOORKEY_GATE_ADDRESS_LIMIT", allow_hyphen_values = true, value_parser = parse_limit)]
    address_limit: Option<RateLimit>,
    /// How often one session of a page may call, as 100/1m
    #[arg(long, value_name = "LIMIT", env = "DOORKEY_GATE_SESSION_LIMIT", allow_hyphen_values = true, value_parser = parse_limit)]
    session_limit: Option<RateLimit>,
    /// A Redis or Valkey in which several gates count together and remember what was used up
    // Taken as it is, and its value shown nowhere: clap would repeat a wrong one, password included.
    #[arg(long, value_name = "URL", env = "DOORKEY_GATE_REDIS", hide_env_values = true)]
    redis: Option<String>,
    /// What to do with limited requests while Redis is away: refuse them, or count on
    #[arg(long, value_name = "WAY", env = "DOORKEY_GATE_REDIS_OUTAGE", default_value = "refuse")]
    redis_outage: flags::WhenAway,
    /// Print one line of JSON when ready, in place of text
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<()> {
    let credential = credential::read(arguments.credential_file.as_deref())?;
    let policy = arguments.policy(&credential)?;
    let bind = async |address| TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"));
    let (listener, admin_listener) = (bind(arguments.listen).await?, bind(arguments.metrics).await?);
    let folder = DataFolder::create(&global.data.join("gate"))?;

    // Before anything that measures asks for the recorder.
    let metrics = admin::install_recorder()?;
    let issuer = policy.issuer().clone();
    let link = arguments.connect(credential, &folder).await?;
    let redis = arguments.redis()?;
    let verifier = Verifier::new(policy)?.with_issuer(link.clone());
    let (verifier, limits) = arguments.count(verifier, redis.clone(), &folder)?;
    let (router, verifier) = if let Some(upstream) = &arguments.upstream {
        let proxy = ReverseProxy::new(verifier, upstream)?.with_head_timeout(arguments.upstream_timeout);
        let verifier = Arc::clone(proxy.verifier());
        (proxy.into_router(), verifier)
    } else {
        let mut gate = ForwardAuth::new(verifier);
        if arguments.allow_ambiguous_paths {
            gate = gate.dangerous_with_ambiguous_paths();
        }
        let verifier = Arc::clone(gate.verifier());
        (gate.into_router(), verifier)
    };
    let stop = stop_signal()?;
    if tokio::time::timeout(PATIENCE, link.synced()).await.is_err() {
        tracing::warn!(%issuer, "the issuer is away: requests are refused until it has said which keys there are");
    }

    // Connections wait in the listener's queue meanwhile.
    verifier.ready().await;
    let (address, admin_address) = (listener.local_addr()?, admin_listener.local_addr()?);
    let admin = Admin { metrics, verifier, directory: Arc::clone(link.directory()), redis };
    let (stop_admin, stopped) = oneshot::channel::<()>();
    let admin = tokio::spawn(admin.run(admin_listener, stopped));
    output::data(&arguments.ready(&issuer, address, admin_address))?;
    tracing::info!(%address, metrics = %admin_address, %issuer, "ready");
    let finished = serve(listener, router, stop, DRAIN).await;
    // It answers until here: who watches sees that the gate is on its way out, not gone.
    drop(stop_admin);
    admin.await?;
    if let Err(error) = limits.save().await {
        tracing::error!(%error, "this month's counts were not written");
    }
    link.close().await;
    tracing::info!(finished, "stopped");
    Ok(())
}

impl Arguments {
    fn policy(&self, credential: &VerifierCredential) -> anyhow::Result<Policy> {
        let trusted = TrustedProxies::parse(&self.trusted_proxies);
        let trusted = trusted.map_err(|wrong| anyhow::anyhow!("--trusted-proxy: {wrong}"))?;
        let (first, others) = self.audiences.split_first().context("--audience is missing")?;
        let mut policy = Policy::new(credential.issuer().as_str(), first.as_str())?
            .with_trusted_proxies(trusted)
            .with_body_limit(self.body_limit);
        for origin in others {
            policy = policy.with_origin(origin.clone());
        }
        if let Some(environment) = self.environment {
            policy = policy.with_environment(environment);
        }
        Ok(if self.api_key_parameter { policy.with_api_key_parameter() } else { policy })
    }

    async fn connect(&self, credential: VerifierCredential, folder: &DataFolder) -> anyhow::Result<IssuerLink> {
        let mut client =
            IssuerClient::new(credential).with_data(folder.path().to_owned()).with_max_staleness(self.max_staleness);
        if let Some(address) = &self.issuer_address {
            client = client.with_url(address.clone());
        }
        client.connect().await.with_context(|| folder.path().display().to_string())
    }

    fn redis(&self) -> anyhow::Result<Option<Redis>> {
        let redis = self.redis.as_ref().map(|url| Redis::new(url, Arc::new(SystemClock)));
        redis.transpose().context("--redis")
    }

    /// Gives the verifier its limits, and the memory that it shares with others.
    fn count(
        &self,
        mut verifier: Verifier,
        redis: Option<Redis>,
        folder: &DataFolder,
    ) -> anyhow::Result<(Verifier, Limits)> {
        let mut limits = Limits::new().with_data(folder.path())?;
        if let Some(limit) = self.address_limit {
            limits = limits.with_address_limit(limit);
        }
        if let Some(limit) = self.session_limit {
            limits = limits.with_session_limit(limit);
        }
        if let Some(redis) = redis {
            limits = limits.with_redis(redis.clone(), self.redis_outage.into());
            verifier = verifier.with_shared_replay(SharedReplay::new(redis));
        }
        Ok((verifier.with_limits(limits.clone()), limits))
    }

    fn ready(&self, issuer: &Origin, address: SocketAddr, metrics: SocketAddr) -> String {
        if self.json {
            let line = serde_json::json!({
                "issuer": issuer,
                "address": address,
                "metrics": metrics,
                "audiences": self.audiences,
                "upstream": self.upstream,
            });
            return format!("{line}\n");
        }
        let audiences = self.audiences.iter().map(Origin::as_str).collect::<Vec<_>>().join(", ");
        let what = match &self.upstream {
            Some(upstream) => format!("sends accepted requests on to {upstream}"),
            None => "answers nginx at /nginx, Caddy and Traefik at /auth".to_owned(),
        };
        format!(
            "Doorkey's gate to {audiences} listens on http://{address} and {what}\nMetrics are at http://{metrics}/metrics\n\nCtrl-C stops it.\n"
        )
    }
}
