//! What axum handlers take: the [`Principal`], and a guard for routes that need a scope.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use doorkey_core::{Error, ErrorCode, Scope};
use http::Request;
use http::request::Parts;
use tower::{Layer, Service};

use crate::ambient::{SystemClock, SystemEntropy};
use crate::principal::Principal;
use crate::refusal::{Refusal, RequestId};

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.to_response::<Body>(&RequestId::new(&SystemEntropy), &SystemClock);
        // Behind a verifier, its layer gives it the request's own id and logs it.
        response.extensions_mut().insert(self);
        response
    }
}

/// A route that is not behind a verifier has no principal: it fails closed.
fn missing() -> Refusal {
    Error::new(ErrorCode::CredentialMissing, "no verifier has accepted this request").into()
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// Lets only callers through that have a scope; goes on routes inside a [`VerifierLayer`](crate::VerifierLayer).
///
/// ```
/// use axum::{Router, routing::get};
/// use doorkey_verifier::RequireScope;
///
/// let app: Router = Router::new()
///     .route("/pictures", get(|| async { "[]" }).layer(RequireScope::new("pictures:read")?));
/// # Ok::<(), doorkey_verifier::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequireScope(Arc<Scope>);

impl RequireScope {
    /// Needs `scope`; fails with [`ErrorCode::InvalidInput`] if that is none.
    pub fn new(scope: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(scope.parse()?)))
    }
}

impl<S> Layer<S> for RequireScope {
    type Service = RequireScopeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopeService { scope: Arc::clone(&self.0), inner }
    }
}

/// The service that [`RequireScope`] makes.
#[derive(Clone, Debug)]
pub struct RequireScopeService<S> {
    scope: Arc<Scope>,
    inner: S,
}

impl<S, B> Service<Request<B>> for RequireScopeService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verdict = match request.extensions().get::<Principal>() {
            Some(principal) => principal.require(&self.scope).map_err(Refusal::from),
            None => Err(missing()),
        };
        if let Err(refusal) = verdict {
            return Box::pin(async move { Ok(refusal.into_response()) });
        }
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move { inner.call(request).await })
    }
}
