//! What lasts longer than a request lasts no longer than its key.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};
use tokio::time::MissedTickBehavior;

use crate::principal::Principal;
use crate::verifier::Verifier;

/// How often it is asked whether the key may still be used.
const LOOK: Duration = Duration::from_secs(1);

/// Waits until the caller's key can no longer be used, and says why.
pub(super) async fn key_ends(verifier: Arc<Verifier>, principal: Principal) -> &'static str {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Err(refusal) = verifier.check_still(&principal) {
            let code = refusal.error().code().as_str();
            tracing::info!(key = %principal.key_id(), code, "a WebSocket or a stream of events was cut");
            return code;
        }
    }
}

/// Cuts a stream of events when the caller's key ends; other responses come to an end by themselves.
pub(super) fn cut_events(response: Response, verifier: &Arc<Verifier>, principal: Principal) -> Response {
    if !is_stream_of_events(response.headers()) {
        return response;
    }
    let ends = Box::pin(key_ends(Arc::clone(verifier), principal));
    response.map(|events| Body::new(Lasting { events, ends }))
}

fn is_stream_of_events(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

struct Lasting {
    events: Body,
    ends: Pin<Box<dyn Future<Output = &'static str> + Send>>,
}

impl http_body::Body for Lasting {
    type Data = bytes::Bytes;
    type Error = tower::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        // An error, so that the client does not take it for the stream's own end.
        if let Poll::Ready(code) = self.ends.as_mut().poll(cx) {
            return Poll::Ready(Some(Err(code.into())));
        }
        Pin::new(&mut self.events).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.events.size_hint()
    }
}
