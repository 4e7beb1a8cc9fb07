//! The issuer's public keys over HTTP: fetched once for however many ask, kept while the issuer is away.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, JwkSet, Origin, Thumbprint};

use crate::ambient::Clock;
use crate::http_client::http_client;

/// Where the JWKS is, below the issuer's URL.
const JWKS_PATH: &str = "/.well-known/jwks.json";
/// How long one fetch may take by default.
const TIMEOUT: Duration = Duration::from_secs(5);
/// No second fetch for an unknown key sooner than this after a good one: tokens are for anyone to make up.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// No second fetch sooner than this after a failed one.
const COOL_DOWN_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// After this age the keys are fetched anew in the background, so that a withdrawn key is forgotten.
const MAX_AGE: Duration = Duration::from_mins(5);
/// A key set of an issuer has a few hundred bytes.
const MAX_DOCUMENT_LEN: usize = 64 * 1024;

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
    state: RwLock<State>,
    /// Held while fetching: whoever waits for it finds the result of the other's fetch.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct State {
    keys: Arc<JwkSet>,
    last_attempt: Option<Attempt>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    at: Duration,
    succeeded: bool,
}

impl Attempt {
    /// Whether it is too soon for the next one; a clock that was set back does not count as waiting.
    fn is_recent(&self, now: Duration, succeeded: Duration, failed: Duration) -> bool {
        now.abs_diff(self.at) < if self.succeeded { succeeded } else { failed }
    }
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
            state: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(Source::Remote(remote))))
    }

    /// The keys that are known now; none before the first [`refresh`](Self::refresh).
    pub fn current(&self) -> Arc<JwkSet> {
        match &*self.0 {
            Source::Fixed(keys) => Arc::clone(keys),
            Source::Remote(remote) => remote.state().keys,
        }
    }

    /// Looks for the key `kid`, asking the issuer if it may be new, and yields the keys that are known then.
    ///
    /// Fails with [`ErrorCode::KeysUnavailable`] if the issuer did not answer and the key is not known, and with
    /// [`ErrorCode::TokenInvalid`] if the issuer does not publish it.
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
        let now = remote.clock.since_epoch();
        let is_due = remote.state().last_attempt.is_some_and(|attempt| !attempt.is_recent(now, MAX_AGE, COOL_DOWN));
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
        let known = self.state();
        if known.keys.find(kid).is_some() {
            return Ok(known.keys);
        }
        let now = self.clock.since_epoch();
        let attempt = match known.last_attempt {
            Some(attempt) if attempt.is_recent(now, COOL_DOWN, COOL_DOWN_AFTER_FAILURE) => attempt,
            _ => self.attempt().await,
        };
        let keys = self.state().keys;
        match (keys.find(kid), attempt.succeeded) {
            (Some(_), _) => Ok(keys),
            (None, true) => Err(not_published()),
            (None, false) => Err(unavailable("the issuer's keys could not be fetched")),
        }
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches once, keeps what came, and keeps the old keys if nothing did.
    async fn attempt(&self) -> Attempt {
        let fetched = self.fetch().await;
        if let Err(error) = &fetched {
            tracing::warn!(url = self.url, %error, "the issuer's keys could not be fetched");
        }
        let attempt = Attempt { at: self.clock.since_epoch(), succeeded: fetched.is_ok() };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.last_attempt = Some(attempt);
        if let Ok(keys) = fetched {
            state.keys = Arc::new(keys);
        }
        attempt
    }

    async fn fetch(&self) -> Result<JwkSet, Error> {
        let mut response =
            self.client.get(&self.url).timeout(self.timeout).send().await.map_err(|_| unavailable("no answer"))?;
        if response.status() != http::StatusCode::OK {
            return Err(unavailable("the answer's status is not 200"));
        }
        let mut document = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|_| unavailable("the answer was cut off"))? {
            document.extend_from_slice(&piece);
            if document.len() > MAX_DOCUMENT_LEN {
                return Err(unavailable("the answer is too long"));
            }
        }
        JwkSet::parse(&document)
    }
}

fn unavailable(detail: &'static str) -> Error {
    Error::new(ErrorCode::KeysUnavailable, detail)
}

pub(crate) fn not_published() -> Error {
    Error::new(ErrorCode::TokenInvalid, "the token was signed with a key that the issuer does not publish")
}
