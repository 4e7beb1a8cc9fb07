//! The tower layer: it reads the body, asks the decision, and forwards or refuses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use doorkey_core::Error;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version, request};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Cors, CorsLayer, ExposeHeaders};

use crate::credential::bare_target;
use crate::cross_origin::{EXPOSED_HEADERS, PREFLIGHT_MAX_AGE};
use crate::principal::Principal;
use crate::refusal::{RATE_LIMIT, REQUEST_ID, Refusal, RequestId};
use crate::request::RequestHead;
use crate::verifier::{Incoming, Received, Verifier};

/// The address of who is at the other end of the connection, among a request's extensions: for servers that do not put
/// axum's `ConnectInfo` there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Lets only accepted requests through, with a [`Principal`] and a [`RequestId`] among their
/// extensions.
///
/// The handler gets the body that was hashed, and never the credential: `Authorization` is taken off, and so is what
/// stands for it in a URL. Preflights are answered here. With a directory they are for origins that some key allows;
/// without one for any: what a page may do is decided by its session, which is bound to the page's origin.
#[derive(Clone, Debug)]
pub struct VerifierLayer(Arc<Verifier>);

impl Verifier {
    /// The layer to put in front of a service.
    pub fn into_layer(self) -> VerifierLayer {
        VerifierLayer(self.begin())
    }
}

impl VerifierLayer {
    /// The verifier behind it.
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.0
    }
}

impl<S: Clone> Layer<S> for VerifierLayer {
    type Service = VerifierService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let checked = Checked { verifier: Arc::clone(&self.0), inner };
        VerifierService { shared: cors(&self.0).layer(checked.clone()), checked }
    }
}

/// CORS without cookies: mirroring is as strict as the session behind it, and `*` would not cover `Authorization`.
pub(crate) fn cors(verifier: &Arc<Verifier>) -> CorsLayer {
    let verifier = Arc::clone(verifier);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| verifier.allows_origin(origin.as_bytes())))
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::list(EXPOSED_HEADERS))
        .max_age(PREFLIGHT_MAX_AGE)
}

/// The service that [`VerifierLayer`] makes.
#[derive(Clone, Debug)]
pub struct VerifierService<S> {
    shared: Cors<Checked<S>>,
    checked: Checked<S>,
}

type Answer<R, E> = std::pin::Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for VerifierService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Incoming + From<Bytes>,
    R: From<String> + Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.checked.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // An OPTIONS that is no preflight is a request like others.
        if request.method() == Method::OPTIONS && !is_preflight(request.headers()) {
            return self.checked.call(request);
        }
        // Its readiness is that of the same inner service.
        let answer = self.shared.call(request);
        Box::pin(answer)
    }
}

fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The check itself, without CORS.
#[derive(Clone, Debug)]
struct Checked<S> {
    verifier: Arc<Verifier>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Checked<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Incoming + From<Bytes>,
    R: From<String> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let verifier = Arc::clone(&self.verifier);
        Box::pin(async move {
            let request_id = verifier.request_id();
            let (mut parts, body) = request.into_parts();
            let verdict = match head(&parts) {
                Ok(head) => verifier.admit(&head, body).await,
                Err(error) => Err(error.into()),
            };
            let admitted = match verdict {
                Ok(admitted) => admitted,
                Err(refusal) => {
                    log(&refusal, &request_id);
                    return Ok(refusal.to_response(&request_id, verifier.clock()));
                }
            };
            take_off_credentials(&mut parts);
            parts.extensions.insert::<Principal>(admitted.principal);
            parts.extensions.insert(request_id.clone());
            // Until the handler has answered: before that it may hold the body.
            let mut held = None;
            let request = match admitted.body {
                Received::Unread(body) => Request::from_parts(parts, body),
                Received::Read(bytes, memory) => {
                    held = Some(memory);
                    #[cfg_attr(not(feature = "axum"), expect(unused_mut, reason = "axum's limit is taken off it"))]
                    let mut request = Request::from_parts(parts, B::from(bytes));
                    // The policy's limit has been kept; axum's own default of 2 MB would refuse what it lets through.
                    #[cfg(feature = "axum")]
                    axum_core::extract::DefaultBodyLimit::disable().apply(&mut request);
                    request
                }
            };
            let answered = inner.call(request).await;
            drop(held);
            let mut response = answered?;
            // A handler's refusal learns under which id it is logged here.
            if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
                log(&refusal, &request_id);
                let (parts, body) = refusal.to_response::<R>(&request_id, verifier.clock()).into_parts();
                response.headers_mut().extend(parts.headers);
                *response.body_mut() = body;
            } else if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
                response.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
            // A handler's own limit says more.
            if let Some(limit) = admitted.limit
                && !response.headers().contains_key(RATE_LIMIT)
            {
                limit.put_into(response.headers_mut());
            }
            Ok(response)
        })
    }
}

pub(crate) fn log(refusal: &Refusal, request_id: &RequestId) {
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
    let host = RequestHead::host(&parts.headers)?;
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host);
    Ok(RequestHead {
        method: parts.method.as_str(),
        target,
        authority,
        headers: &parts.headers,
        peer: peer(&parts.extensions),
    })
}

fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(peer.ip());
    }
    extensions.get::<PeerAddress>().map(|peer| peer.0.ip())
}

/// Takes the credential off a request that was accepted: no handler, and no log behind it, needs it.
fn take_off_credentials(parts: &mut request::Parts) {
    parts.headers.remove(AUTHORIZATION);
    if let Some(bare) = without_credentials(&parts.uri) {
        parts.uri = bare;
    }
    #[cfg(feature = "axum")]
    if let Some(original) = parts.extensions.get_mut::<axum::extract::OriginalUri>()
        && let Some(bare) = without_credentials(&original.0)
    {
        original.0 = bare;
    }
}

/// The same address without the parameters that were its credential; `None` if there are none.
fn without_credentials(uri: &Uri) -> Option<Uri> {
    let mut bare = uri.clone().into_parts();
    bare.path_and_query = Some(bare_target(uri.path_and_query()?.as_str())?.parse().ok()?);
    Uri::from_parts(bare).ok()
}
