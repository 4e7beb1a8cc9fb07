//! A request's body on its way to the service.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::body::Body;
use bytes::Bytes;
use doorkey_core::ErrorCode;
use http_body::Frame;
use tokio::sync::oneshot;
use tower_http::timeout::{TimeoutBody, TimeoutError};

/// How long a client may pause while it sends a body that goes straight through.
const PAUSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Data alone: a client's trailers end here, for a service may take them for headers of the gate's.
pub(super) struct Upload {
    body: Pin<Box<TimeoutBody<Body>>>,
    /// Dropped with the body, when that has been sent.
    _sending: oneshot::Sender<()>,
    broken: Broken,
}

/// Why a body did not come whole from the client, once that is so.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(Arc<OnceLock<ErrorCode>>);

impl Broken {
    pub(super) fn why(&self) -> Option<ErrorCode> {
        self.0.get().copied()
    }
}

impl Upload {
    /// Something to send, what ends once it was sent, and whose fault it is if it was not.
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<()>, Broken) {
        let (sending, sent) = oneshot::channel();
        let broken = Broken::default();
        let body = Box::pin(TimeoutBody::new(PAUSE_TIMEOUT, body));
        (Self { body, _sending: sending, broken: broken.clone() }, sent, broken)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = tower::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match ready!(self.body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) if !frame.is_data() => None,
            Some(Err(error)) => {
                let is_late = error.is::<TimeoutError>();
                let code = if is_late { ErrorCode::RequestTimeout } else { ErrorCode::MalformedRequest };
                // It breaks once.
                let _ = self.broken.0.set(code);
                Some(Err(error))
            }
            frame => frame,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum_core::body::Body;
    use bytes::Bytes;
    use doorkey_core::ErrorCode;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt, Full, Limited};

    use super::Upload;

    #[tokio::test]
    async fn trailers_end_here() {
        let mut trailers = HeaderMap::new();
        trailers.insert("doorkey-scopes", HeaderValue::from_static("everything"));
        let body = Full::new(Bytes::from_static(b"abc")).with_trailers(async { Some(Ok(trailers)) });
        let (upload, sent, broken) = Upload::new(Body::new(body));
        let collected = upload.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "abc");
        assert!(sent.await.is_err(), "it is not told that all was sent");
        assert_eq!(broken.why(), None);
    }

    #[tokio::test]
    async fn it_is_known_who_broke_it() {
        let cut = Limited::new(Full::new(Bytes::from_static(b"abc")), 1);
        let (upload, _, broken) = Upload::new(Body::new(cut));
        assert!(upload.collect().await.is_err());
        assert_eq!(broken.why(), Some(ErrorCode::MalformedRequest));
    }
}
