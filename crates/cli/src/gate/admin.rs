//! For who watches over a gate: its metrics, and whether it is alive and ready.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use doorkey_verifier::{Clock, Directory, Redis, SystemClock, Verifier, serve};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// From the look into a cache to a request that had to wait for news.
const SECONDS: [f64; 15] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
];
/// How often samples are taken over, whether somebody collects them or not.
const UPKEEP: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(1);

/// Makes this process's metrics ones for Prometheus.
pub(super) fn install_recorder() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
    builder.install_recorder().context("metrics cannot be recorded")
}

#[derive(Clone)]
pub(super) struct Admin {
    pub(super) metrics: PrometheusHandle,
    pub(super) verifier: Arc<Verifier>,
    pub(super) directory: Arc<Directory>,
    pub(super) redis: Option<Redis>,
}

impl Admin {
    /// Answers until it is told to stop, or nobody is left who could.
    pub(super) async fn run(self, listener: TcpListener, stopped: oneshot::Receiver<()>) {
        let metrics = self.metrics.clone();
        let upkeep = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                metrics.run_upkeep();
            }
        });
        let router = Router::new()
            .route("/metrics", get(async |State(admin): State<Self>| admin.metrics()))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(async |State(admin): State<Self>| admin.ready().await))
            .with_state(self);
        serve(listener, router, async { drop(stopped.await) }, DRAIN).await;
        upkeep.abort();
    }

    fn metrics(&self) -> impl IntoResponse + use<> {
        self.verifier.observe();
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.metrics.render())
    }

    async fn ready(&self) -> (StatusCode, &'static str) {
        let age = self.directory.age(&SystemClock.moment());
        if age.is_none_or(|age| age > self.directory.max_staleness()) {
            return (StatusCode::SERVICE_UNAVAILABLE, "directory_stale\n");
        }
        if let Some(redis) = &self.redis
            && !redis.is_up().await
        {
            return (StatusCode::SERVICE_UNAVAILABLE, "replay_store_unavailable\n");
        }
        (StatusCode::OK, "ok\n")
    }
}
