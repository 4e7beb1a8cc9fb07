//! A server for a router, with bounded waits, bounded connections, and an end that lets requests finish.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum_core::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

/// How long a connection may take to send the head of its next request, idle time included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How many connections are served at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 4096;
/// Bytes of a request's head, which hyper answers with 431 beyond that.
const MAX_HEAD: usize = 16 * 1024;

/// Serves a router over HTTP/1.1 on `listener` until `shutdown` is done, then lets open requests finish for at most
/// `drain`. Unlike axum's own server it does not wait forever for the head of a request, nor for more connections than
/// it can hold; one that never reads its responses is for the proxy in front to end.
///
/// Each request carries its peer as [`ConnectInfo`]. Returns whether all requests finished in time.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>, drain: Duration) -> bool {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD).half_close(false);
    let (closing, _) = watch::channel(());
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accept = async {
            let permit = permits.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accept => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a peer that was gone before it was accepted.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let router = router.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        });
        // A handler may take the connection over, for a WebSocket; from then on nobody waits for its end.
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut closes = closing.subscribe();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                _ = closes.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((permit, closes));
        });
    }
    drop(listener);
    closing.send_replace(());
    // Each connection holds a receiver.
    tokio::time::timeout(drain, closing.closed()).await.is_ok()
}
