//! `WebSocket`s (RFC 6455): after the handshake both sides are copied, for as long as the key lasts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum_core::body::Body;
use axum_core::response::Response;
use doorkey_core::KeyId;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use super::headers::lists;
use super::lasting::key_ends;
use super::upstream::unavailable;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::verifier::Verifier;

/// How many there may be at once, and how many of them with one key.
const MAX: usize = 4096;
const MAX_OF_KEY: usize = MAX / 4;

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

/// Those that are open. They end when the last clone of this is gone: with the proxy, when its server has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Tunnels(Arc<Open>);

#[derive(Debug, Default)]
struct Open {
    by_key: Arc<Mutex<HashMap<KeyId, usize>>>,
    /// Nothing is ever sent: they wait for it to be dropped.
    lasts: watch::Sender<()>,
}

/// The right to be one of those that are open.
#[derive(Debug)]
struct Place {
    key: KeyId,
    by_key: Arc<Mutex<HashMap<KeyId, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = by_key.entry(self.key) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Tunnels {
    /// A place for one more of this key, if there is one. One key leaves most of them to others.
    fn take_place(&self, key: KeyId) -> Option<Place> {
        let mut by_key = self.0.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let open: usize = by_key.values().sum();
        let of_key = by_key.get(&key).copied().unwrap_or_default();
        if open >= MAX || of_key >= MAX_OF_KEY {
            return None;
        }
        by_key.insert(key, of_key + 1);
        Some(Place { key, by_key: Arc::clone(&self.0.by_key) })
    }

    /// Copies both sides from now on, and answers the client that it is so.
    pub(super) fn open(
        &self,
        client: OnUpgrade,
        mut response: http::Response<Incoming>,
        verifier: Arc<Verifier>,
        principal: Principal,
    ) -> Result<Response, Refusal> {
        let Some(place) = self.take_place(principal.key_id()) else {
            return Err(unavailable("too many WebSockets are open"));
        };
        let mut lasts = self.0.lasts.subscribe();
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
                _ = lasts.changed() => {}
            }
            drop(place);
        });
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        Ok(response.map(|_| Body::empty()))
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::KeyId;

    use super::{MAX, MAX_OF_KEY, Tunnels};

    #[test]
    fn one_key_leaves_places_to_others() {
        let (tunnels, key) = (Tunnels::default(), |number| KeyId::from_parts(number, [0; 10]));
        let take = |number, many| (0..many).map_while(|_| tunnels.take_place(key(number))).collect::<Vec<_>>();
        let mut first = take(1, MAX);
        assert_eq!(first.len(), MAX_OF_KEY);
        let others: Vec<_> = (2..=4).flat_map(|number| take(number, MAX)).collect();
        assert_eq!(first.len() + others.len(), MAX);
        assert!(tunnels.take_place(key(5)).is_none());
        first.pop();
        assert!(tunnels.take_place(key(5)).is_some());
        drop((first, others));
        assert!(tunnels.0.by_key.lock().unwrap().is_empty());
    }
}
