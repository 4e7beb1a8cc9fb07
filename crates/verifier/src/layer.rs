//! The tower layer: it reads the body, asks the decision, and forwards or refuses.

mod body;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{Error, JwkSet};
use http::header::{AUTHORIZATION, DATE, HOST, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, Version, request};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Cors, CorsLayer, ExposeHeaders};

use crate::ambient::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::credential::single;
use crate::decision::{Accepted, Decision, Rejection, RequestHead};
use crate::keys::KeySource;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::refusal::{REQUEST_ID, Refusal, RequestId};
use crate::replay::ReplayMemory;
use crate::tokens::TokenCache;

/// How long a browser may keep the answer to a preflight; the most that any browser honours.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(2);

/// Checks requests in the API's own process: a policy, the issuer's keys, and the memory of what was accepted.
///
/// ```
/// use axum::{Json, Router, routing::get};
/// use doorkey_verifier::{Policy, Principal, Verifier};
///
/// let policy = Policy::new("https://keys.example.com", "https://api.example.com")?;
/// let app: Router = Router::new()
///     .route("/whoami", get(|principal: Principal| async { Json(principal) }))
///     .layer(Verifier::new(policy)?.into_layer());
/// # Ok::<(), doorkey_verifier::Error>(())
/// ```
#[derive(Debug)]
pub struct Verifier {
    policy: Policy,
    keys: KeySource,
    tokens: TokenCache,
    replay: ReplayMemory,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Verifier {
    /// A verifier that fetches the issuer's keys when the first token arrives.
    pub fn new(policy: Policy) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(Self {
            keys: KeySource::remote(policy.issuer(), Arc::clone(&clock))?,
            tokens: TokenCache::new(TokenCache::DEFAULT_CAPACITY),
            replay: ReplayMemory::new(
                ReplayMemory::DEFAULT_CAPACITY,
                ReplayMemory::DEFAULT_SESSION_CAPACITY,
                policy.skew(),
            ),
            policy,
            clock,
            entropy: Arc::new(SystemEntropy),
        })
    }

    /// Takes the issuer's keys from elsewhere.
    pub fn with_keys(self, keys: KeySource) -> Self {
        Self { keys, ..self }
    }

    /// Remembers accepted proofs in `replay`, which must be made for the policy's skew.
    pub fn with_replay(self, replay: ReplayMemory) -> Self {
        Self { replay, ..self }
    }

    /// Takes the time from `clock`.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Takes request ids from `entropy`.
    pub fn with_entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// The layer to put in front of a service.
    pub fn into_layer(self) -> VerifierLayer {
        let replay = self.replay.with_start(self.clock.now());
        VerifierLayer(Arc::new(Self { replay, ..self }))
    }

    /// Accepts a request whose body is still to be read, or refuses it.
    async fn verify<B: body::Incoming>(&self, head: &RequestHead<'_>, body: B) -> Result<(Accepted, Bytes), Refusal> {
        self.keys.refresh_in_background();
        let limit = self.policy.body_limit();
        let keys = self.keys.current();
        let examined = match self.checked_head(head, &keys) {
            Err(Rejection::KeyUnknown(kid)) => match self.keys.refresh(&kid).await {
                Ok(keys) => self.checked_head(head, &keys),
                Err(error) => Err(error.into()),
            },
            examined => examined,
        };
        let examined = match examined {
            Ok(examined) => examined,
            Err(rejection) => {
                body::drain(body).await;
                return Err(match rejection {
                    Rejection::Refused(refusal) => refusal,
                    Rejection::KeyUnknown(_) => crate::keys::not_published().into(),
                });
            }
        };
        let bytes = body::read(body, limit).await?;
        let accepted = self.decision(&keys).accept(examined, &bytes)?;
        Ok((accepted, bytes))
    }

    fn checked_head(&self, head: &RequestHead<'_>, keys: &JwkSet) -> Result<crate::decision::Examined, Rejection> {
        body::check_announced(head.headers, self.policy.body_limit())?;
        self.decision(keys).examine(head)
    }

    fn decision<'a>(&'a self, keys: &'a JwkSet) -> Decision<'a> {
        Decision { policy: &self.policy, keys, tokens: &self.tokens, replay: &self.replay, now: self.clock.now() }
    }
}

/// Lets only accepted requests through, with a [`Principal`] and a [`RequestId`] among their extensions.
///
/// The handler gets the body that was hashed, and never the credential: `Authorization` is taken off. Preflights are
/// answered here, for any origin: what a page may do is decided by its session, which is bound to the page's origin.
#[derive(Clone, Debug)]
pub struct VerifierLayer(Arc<Verifier>);

impl<S: Clone> Layer<S> for VerifierLayer {
    type Service = Cors<VerifierService<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        cors().layer(VerifierService { verifier: Arc::clone(&self.0), inner })
    }
}

/// CORS without cookies: mirroring is as strict as the session behind it, and `*` would not cover `Authorization`.
fn cors() -> CorsLayer {
    const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
    const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list([
            DATE,
            WWW_AUTHENTICATE,
            RETRY_AFTER,
            RATE_LIMIT,
            RATE_LIMIT_POLICY,
            REQUEST_ID,
        ]))
        .max_age(PREFLIGHT_MAX_AGE)
}

/// The service that [`VerifierLayer`] makes.
#[derive(Clone, Debug)]
pub struct VerifierService<S> {
    verifier: Arc<Verifier>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for VerifierService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: body::Incoming + From<Bytes>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let verifier = Arc::clone(&self.verifier);
        Box::pin(async move {
            let request_id = RequestId::new(&*verifier.entropy);
            let (mut parts, body) = request.into_parts();
            let verdict = match head(&parts) {
                Ok(head) => verifier.verify(&head, body).await,
                Err(error) => Err(error.into()),
            };
            let (accepted, bytes) = match verdict {
                Ok(verdict) => verdict,
                Err(refusal) => {
                    log(&refusal, &request_id);
                    return Ok(refusal.to_response(&request_id, &*verifier.clock));
                }
            };
            parts.headers.remove(AUTHORIZATION);
            parts.extensions.insert(Principal::from(accepted));
            parts.extensions.insert(request_id.clone());
            let mut request = Request::from_parts(parts, B::from(bytes));
            // The policy's limit has been kept; axum's own default of 2 MB would refuse what it lets through.
            #[cfg(feature = "axum")]
            axum_core::extract::DefaultBodyLimit::disable().apply(&mut request);
            let mut response = inner.call(request).await?;
            // A handler's refusal learns under which id it is logged here.
            if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
                log(&refusal, &request_id);
                let (parts, body) = refusal.to_response::<R>(&request_id, &*verifier.clock).into_parts();
                response.headers_mut().extend(parts.headers);
                *response.body_mut() = body;
            } else if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
                response.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
            Ok(response)
        })
    }
}

fn log(refusal: &Refusal, request_id: &RequestId) {
    let error = refusal.error();
    tracing::info!(request_id = request_id.as_str(), code = error.code().as_str(), detail = error.detail(), "refused");
}

/// The request as it came over the wire, whatever a router has done to it since.
fn head(parts: &request::Parts) -> Result<RequestHead<'_>, Error> {
    #[cfg(feature = "axum")]
    let uri = parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |original| &original.0);
    #[cfg(not(feature = "axum"))]
    let uri = &parts.uri;
    // HTTP/2 has the authority in every target; before that it means a proxy's absolute form.
    if parts.version < Version::HTTP_2 && uri.authority().is_some() {
        return Err(Error::new(doorkey_core::ErrorCode::MalformedRequest, "the request target is in absolute form"));
    }
    let target = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let host = single(&parts.headers, &HOST)?;
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host);
    Ok(RequestHead { method: parts.method.as_str(), target, authority, headers: &parts.headers })
}
