//! The service behind a proxy: connections to it, and how long it may take.

use std::time::Duration;

use axum_core::body::Body;
use doorkey_core::{Error, ErrorCode, Origin};
use http::header::CONTENT_LENGTH;
use http::uri::{Authority, Parts, Scheme};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::upload::Upload;
use crate::http_client::tls;
use crate::refusal::Refusal;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request: less than Node's five seconds, after which that closes them.
const IDLE: Duration = Duration::from_secs(4);

/// Where accepted requests go.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Upstream {
    pub(super) fn new(origin: &Origin) -> Result<Self, Error> {
        let no_tls = |_| Error::new(ErrorCode::KeysUnavailable, "this machine's certificate store cannot be used");
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls().map_err(no_tls)?);
        let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let not_an_address = |_| Error::new(ErrorCode::InvalidInput, "not an origin like http://127.0.0.1:3000");
        let authority = origin.authority().parse().map_err(not_an_address)?;
        Ok(Self { scheme: if origin.is_secure() { Scheme::HTTPS } else { Scheme::HTTP }, authority, client })
    }

    /// The same path and query there, byte for byte.
    pub(super) fn address_of(&self, target: &Uri) -> Result<Uri, Error> {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = target.path_and_query().cloned();
        Uri::from_parts(parts).map_err(|_| Error::new(ErrorCode::MalformedRequest, "the request target has no path"))
    }

    /// Sends a request, and waits for the head of the response: for `timeout` from when all of the request was sent.
    ///
    /// Who stops waiting for it ends the request, and who lets go of the response's body ends that.
    pub(super) async fn send(
        &self,
        mut request: Request<Body>,
        timeout: Duration,
    ) -> Result<Response<Incoming>, Refusal> {
        // What wraps the body below does not know its length.
        let is_empty = request.body().is_end_stream();
        match request.body().size_hint().exact() {
            Some(length @ 1..) => drop(request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length))),
            _ if is_empty && [Method::POST, Method::PUT, Method::PATCH].contains(request.method()) => {
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
            }
            _ => {}
        }
        let (parts, body) = request.into_parts();
        let (upload, sent, broken) = Upload::new(body);
        // Wrapped it would go as chunks, of which there are none.
        let body = if is_empty {
            drop(upload);
            Body::empty()
        } else {
            Body::new(upload)
        };
        let request = Request::from_parts(parts, body);
        let is_late = async {
            drop(sent.await);
            tokio::time::sleep(timeout).await;
        };
        tokio::select! {
            response = self.client.request(request) => response.map_err(|error| {
                if let Some(code) = broken.why() {
                    return Error::new(code, "the body did not come whole").into();
                }
                tracing::warn!(%error, cause = std::error::Error::source(&error), "the service did not answer");
                unavailable(if error.is_connect() { "the service is away" } else { "the service did not answer" })
            }),
            () = is_late => Err(unavailable("the service did not answer in time")),
        }
    }
}

pub(super) fn unavailable(detail: &'static str) -> Refusal {
    Error::new(ErrorCode::UpstreamUnavailable, detail).into()
}
