//! A reverse proxy that lets accepted requests alone through.

mod entrance;
mod headers;
mod lasting;
mod tunnel;
mod upload;
mod upstream;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use doorkey_core::{Error, ErrorCode, Origin};
use http::header::HOST;
use http::{StatusCode, Version};
use tower::{Layer, Service};

use self::tunnel::Tunnels;
use self::upstream::Upstream;
use crate::access_log::Access;
use crate::layer::VerifierLayer;
use crate::principal::Principal;
use crate::principal_headers::{Bodies, principal_headers};
use crate::refusal::{REQUEST_ID, Refusal, RequestId};
use crate::verifier::Verifier;

/// Checks requests, and sends accepted ones on to a service in any language.
///
/// A request that is for none of the audiences is refused, and where the audience is https, one that came from another
/// machine otherwise than through a trusted proxy that says so: a secret key on the way to it was for everyone to read.
///
/// The service gets path and query as the client sent them, and the audience as `Host`, without the credential, and who calls in
/// `Doorkey-Key-Id` and its kin; where the request came from in `X-Forwarded-For`, `-Proto` and `-Host`. Whatever a client
/// sends under such names is dropped, and so is what overrides the method. Signed bodies are checked first and go on
/// whole; those of secret keys that are shown as they are, and all responses, go on as they come. A request's trailers do not.
///
/// A `WebSocket` or a stream of events ends within two seconds after its key can no longer be used, or nobody knows whether
/// it can; a `WebSocket` ends with its server, too. It outlives its session's token. One key has a quarter of the `WebSocket`s
/// that may be open at most. Other upgrades are not made: what is said after them could be requests.
#[derive(Clone, Debug)]
pub struct ReverseProxy {
    checked: VerifierLayer,
    forward: Forward,
}

impl ReverseProxy {
    /// How long the service may take for the head of a response by default, once it has the whole request.
    pub const DEFAULT_HEAD_TIMEOUT: Duration = Duration::from_mins(1);

    /// Decides by this verifier, and sends on to the service at `upstream`.
    ///
    /// Fails with [`ErrorCode::KeysUnavailable`] if this machine's certificate store cannot be used.
    pub fn new(verifier: Verifier, upstream: &Origin) -> Result<Self, Error> {
        let checked = verifier.into_layer();
        let forward = Forward {
            verifier: Arc::clone(checked.verifier()),
            upstream: Upstream::new(upstream)?,
            tunnels: Tunnels::default(),
            head_timeout: Self::DEFAULT_HEAD_TIMEOUT,
        };
        Ok(Self { checked, forward })
    }

    /// Gives the service this long for the head of a response, instead of a minute.
    pub fn with_head_timeout(mut self, head_timeout: Duration) -> Self {
        self.forward.head_timeout = head_timeout;
        self
    }

    /// The verifier behind it.
    pub fn verifier(&self) -> &Arc<Verifier> {
        self.checked.verifier()
    }

    /// The proxy for every path. Whoever serves it puts axum's `ConnectInfo` into each request.
    pub fn into_router(self) -> Router {
        let Self { checked, forward } = self;
        let verifier = Arc::clone(checked.verifier());
        Router::new()
            .fallback_service(checked.layer(forward))
            .layer(from_fn_with_state(Arc::clone(&verifier), entrance::check))
            .layer(from_fn_with_state(verifier, access_log))
    }
}

/// Writes one line for each request, under the id that its refusal has, too.
async fn access_log(State(verifier): State<Arc<Verifier>>, request: Request, next: Next) -> Response {
    let mut access = Access::begin(verifier.clock());
    access.is_about(request.method().as_str(), request.uri().path());
    let response = next.run(request).await;
    let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    access.end(id, &response, verifier.clock());
    response
}

/// Sends accepted requests on.
#[derive(Clone, Debug)]
struct Forward {
    verifier: Arc<Verifier>,
    upstream: Upstream,
    tunnels: Tunnels,
    head_timeout: Duration,
}

impl Service<Request> for Forward {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let forward = self.clone();
        Box::pin(async move { Ok(forward.run(request).await.unwrap_or_else(IntoResponse::into_response)) })
    }
}

impl Forward {
    async fn run(&self, mut request: Request) -> Result<Response, Refusal> {
        let extensions = request.extensions();
        let (Some(principal), Some(request_id)) = (extensions.get::<Principal>(), extensions.get::<RequestId>()) else {
            return Err(Error::new(ErrorCode::CredentialMissing, "no verifier has accepted this request").into());
        };
        let principal = principal.clone();
        let told = principal_headers(&principal, request_id, Bodies::Seen);
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let policy = self.verifier.policy();
        let origin = policy.origin_for(host);
        let upgrade = tunnel::begin(&mut request);

        headers::prepare_request(request.headers_mut(), origin, peer, policy.trusted_proxies(), upgrade.is_some());
        request.headers_mut().extend(told);
        *request.version_mut() = Version::HTTP_11;
        *request.uri_mut() = self.upstream.address_of(request.uri())?;
        let mut response = self.upstream.send(request, self.head_timeout).await?;

        headers::prepare_response(response.headers_mut());
        // Else a client of HTTP/1.0 would be answered as it asked, and wait for the end of chunks.
        *response.version_mut() = Version::HTTP_11;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(client) = upgrade else {
                return Err(upstream::unavailable("the service has switched protocols unasked"));
            };
            return self.tunnels.open(client, response, Arc::clone(&self.verifier), principal);
        }
        Ok(lasting::cut_events(response.map(Body::new), &self.verifier, principal))
    }
}

#[cfg(test)]
mod tests;
