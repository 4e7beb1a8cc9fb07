//! A request's body on its way to the service.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::oneshot;
use tower_http::timeout::TimeoutBody;

/// How long a client may pause while it sends a body that goes straight through.
const PAUSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Data alone: a client's trailers end here, for a service may take them for headers of the gate's.
pub(super) struct Upload {
    body: Pin<Box<TimeoutBody<Body>>>,
    /// Dropped with the body, when that has been sent.
    _sending: oneshot::Sender<()>,
}

impl Upload {
    /// Something to send, and what ends once it was sent.
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<()>) {
        let (sending, sent) = oneshot::channel();
        (Self { body: Box::pin(TimeoutBody::new(PAUSE_TIMEOUT, body)), _sending: sending }, sent)
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = tower::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(match ready!(self.body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) if !frame.is_data() => None,
            frame => frame,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum_core::body::Body;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use http_body_util::{BodyExt, Full};

    use super::Upload;

    #[tokio::test]
    async fn trailers_end_here() {
        let mut trailers = HeaderMap::new();
        trailers.insert("doorkey-scopes", HeaderValue::from_static("everything"));
        let body = Full::new(Bytes::from_static(b"abc")).with_trailers(async { Some(Ok(trailers)) });
        let (upload, sent) = Upload::new(Body::new(body));
        let collected = upload.collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "abc");
        assert!(sent.await.is_err(), "it is not told that all was sent");
    }
}
