//! `WebSocket`s (RFC 6455): after the handshake both sides are copied, for as long as the key lasts.

use std::sync::Arc;

use axum::extract::Request;
use axum_core::body::Body;
use axum_core::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;

use super::headers::lists;
use super::lasting::key_ends;
use super::upstream::unavailable;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::verifier::Verifier;

/// How many there may be at once.
const MAX: usize = 4096;

/// The client's side of a `WebSocket`, if the request asks for one.
///
/// For nothing else: behind `h2c` or `TLS/1.0` further requests could be sent that nobody decides about.
pub(super) fn begin(request: &mut Request) -> Option<OnUpgrade> {
    let headers = request.headers();
    let mut protocols = headers.get_all(UPGRADE).iter();
    let is_websocket = protocols.next().is_some_and(|one| one.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let asks = is_websocket && protocols.next().is_none() && lists(headers, &CONNECTION, "upgrade");
    let has_body = !request.body().is_end_stream();
    if !asks || has_body || request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return None;
    }
    request.extensions_mut().remove()
}

/// How many are open.
#[derive(Clone, Debug)]
pub(super) struct Tunnels(Arc<Semaphore>);

impl Default for Tunnels {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX)))
    }
}

impl Tunnels {
    /// Copies both sides from now on, and answers the client that it is so.
    pub(super) fn open(
        &self,
        client: OnUpgrade,
        mut response: http::Response<Incoming>,
        verifier: Arc<Verifier>,
        principal: Principal,
    ) -> Result<Response, Refusal> {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            return Err(unavailable("too many WebSockets are open"));
        };
        let service = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let copied = async {
                let (client, service) = tokio::try_join!(client, service).map_err(std::io::Error::other)?;
                tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(service)).await
            };
            // Whichever comes first drops the other, and with it both connections.
            tokio::select! {
                copied = copied => if let Err(error) = copied {
                    tracing::debug!(%error, "a WebSocket ended early");
                },
                _ = key_ends(verifier, principal) => {}
            }
            drop(permit);
        });
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        Ok(response.map(|_| Body::empty()))
    }
}
