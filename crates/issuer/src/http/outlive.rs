//! A change that has begun is finished, whoever goes away meanwhile.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorkey_core::ErrorCode;

use crate::error::Error;

/// Answers in a task of its own. Otherwise hanging up at the right moment would keep a refused try out of the audit.
pub(super) async fn outlive(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::new(ErrorCode::IssuerUnavailable, "the issuer failed at this request").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;
    use tower::ServiceExt;

    use super::outlive;

    #[tokio::test]
    async fn what_has_begun_is_finished_when_the_caller_has_gone() {
        let (go, may_go) = oneshot::channel::<()>();
        let (finished, is_finished) = oneshot::channel();
        let parts = Arc::new(Mutex::new(Some((may_go, finished))));
        let handler = async move || {
            let (may_go, finished) = parts.lock().unwrap().take().unwrap();
            may_go.await.unwrap();
            finished.send(()).unwrap();
        };
        let router: Router = Router::new().route("/", get(handler)).layer(from_fn(outlive));
        let mut asking = Box::pin(router.oneshot(Request::get("/").body(Body::empty()).unwrap()));
        assert!(asking.as_mut().now_or_never().is_none());
        drop(asking);
        go.send(()).unwrap();
        is_finished.await.unwrap();
    }
}
