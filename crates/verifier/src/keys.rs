//! The issuer's public keys over HTTP: fetched once for however many ask, kept while the issuer is away.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use doorkey_core::{Error, JwkSet, Origin, Thumbprint};

use crate::ambient::Clock;
use crate::http_client::http_client;
use crate::key_ring::{JWKS_PATH, KeyRing, MAX_JWKS_LEN, not_published, unavailable};

/// How long one fetch may take by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a verifier gets the issuer's keys from.
#[derive(Clone, Debug)]
pub struct KeySource(Arc<Source>);

#[derive(Debug)]
enum Source {
    Fixed(Arc<JwkSet>),
    Remote(Remote),
}

#[derive(Debug)]
struct Remote {
    url: String,
    client: reqwest::Client,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    ring: RwLock<KeyRing>,
    /// Held while fetching: whoever waits for it finds the result of the other's fetch.
    fetching: tokio::sync::Mutex<()>,
}

impl KeySource {
    /// Keys that never change, for tests and for issuers that cannot be reached.
    pub fn fixed(keys: JwkSet) -> Self {
        Self(Arc::new(Source::Fixed(Arc::new(keys))))
    }

    /// The key set that `issuer` publishes. Nothing is fetched before the first token arrives.
    pub fn remote(issuer: &Origin, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::remote_with_timeout(issuer, clock, TIMEOUT)
    }

    /// The key set that `issuer` publishes, giving each fetch this long instead of five seconds.
    pub fn remote_with_timeout(issuer: &Origin, clock: Arc<dyn Clock>, timeout: Duration) -> Result<Self, Error> {
        let remote = Remote {
            url: format!("{issuer}{JWKS_PATH}"),
            client: http_client(issuer)?,
            timeout,
            clock,
            ring: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(Source::Remote(remote))))
    }

    /// The keys that are known now; none before the first [`refresh`](Self::refresh).
    pub fn current(&self) -> Arc<JwkSet> {
        match &*self.0 {
            Source::Fixed(keys) => Arc::clone(keys),
            Source::Remote(remote) => Arc::clone(remote.ring().keys()),
        }
    }

    /// Looks for the key `kid`, asking the issuer if it may be new, and yields the keys that are known then.
    ///
    /// Fails with [`KeysUnavailable`](doorkey_core::ErrorCode::KeysUnavailable) if the issuer did not answer and the key
    /// is not known, and with [`TokenInvalid`](doorkey_core::ErrorCode::TokenInvalid) if the issuer does not publish it.
    pub async fn refresh(&self, kid: &Thumbprint) -> Result<Arc<JwkSet>, Error> {
        let (source, kid) = (Arc::clone(&self.0), *kid);
        // A task of its own: a caller that hangs up must not undo the cool-down.
        let looking = tokio::spawn(async move {
            match &*source {
                Source::Fixed(_) => Err(not_published()),
                Source::Remote(remote) => remote.refresh(&kid).await,
            }
        });
        looking.await.unwrap_or_else(|_| Err(unavailable("looking for the issuer's keys was broken off")))
    }

    /// Fetches the keys anew in the background when they have grown old. Needs a tokio runtime.
    pub fn refresh_in_background(&self) {
        let Source::Remote(remote) = &*self.0 else { return };
        let is_due = remote.ring().is_due(remote.clock.since_epoch());
        if is_due {
            let source = Arc::clone(&self.0);
            tokio::spawn(async move {
                if let Source::Remote(remote) = &*source
                    && let Ok(_single_flight) = remote.fetching.try_lock()
                {
                    remote.attempt().await;
                }
            });
        }
    }
}

impl Remote {
    async fn refresh(&self, kid: &Thumbprint) -> Result<Arc<JwkSet>, Error> {
        let _single_flight = self.fetching.lock().await;
        if self.ring().should_ask(kid, self.clock.since_epoch()) {
            self.attempt().await;
        }
        self.ring().look_for(kid)
    }

    fn ring(&self) -> RwLockReadGuard<'_, KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches once, keeps what came, and keeps the old keys if nothing did.
    async fn attempt(&self) {
        let fetched = self.fetch().await;
        if let Err(error) = &fetched {
            tracing::warn!(url = self.url, %error, "the issuer's keys could not be fetched");
        }
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.note(fetched.ok().as_deref(), self.clock.since_epoch());
    }

    async fn fetch(&self) -> Result<Vec<u8>, Error> {
        let mut response =
            self.client.get(&self.url).timeout(self.timeout).send().await.map_err(|_| unavailable("no answer"))?;
        if response.status() != http::StatusCode::OK {
            return Err(unavailable("the answer's status is not 200"));
        }
        let mut document = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|_| unavailable("the answer was cut off"))? {
            document.extend_from_slice(&piece);
            if document.len() > MAX_JWKS_LEN {
                return Err(unavailable("the answer is too long"));
            }
        }
        JwkSet::parse(&document).map(|_| document)
    }
}
