//! Reading bodies: never more than the policy allows, never for longer than a client may take.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use doorkey_core::{Error, ErrorCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::request::too_large;

/// How long a body may pause.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long it may take, whatever comes of it, and a second more for each so many bytes that have come: a byte now and
/// then is not to hold memory for long.
const GRACE: Duration = Duration::from_mins(1);
const PACE: usize = 8 * 1024;
/// How long the whole of it may take.
const READ_TIMEOUT: Duration = Duration::from_mins(15);
/// How much of a refused request's body is read away, and for how long: a browser that is still sending when the
/// connection closes never sees the refusal.
const DRAIN_LIMIT: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A body that can be read here.
pub trait Incoming: http_body::Body<Data: Buf + Send, Error: Into<tower::BoxError>> + Send + 'static {}

impl<B: http_body::Body<Data: Buf + Send, Error: Into<tower::BoxError>> + Send + 'static> Incoming for B {}

/// Memory for bodies; it counts in KiB.
pub(super) fn memory(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bytes.div_ceil(1024).min(Semaphore::MAX_PERMITS)))
}

/// The memory that a body takes, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(
    #[expect(dead_code, reason = "it is given back when it is dropped")] Option<OwnedSemaphorePermit>,
);

/// Reads a whole body of at most `limit` bytes. Only what has come takes memory: one that is announced and
/// never sent takes none.
///
/// Fails with [`ErrorCode::BodyTooLarge`], [`ErrorCode::RequestTimeout`], [`ErrorCode::MalformedRequest`] for one that is
/// cut off, and [`ErrorCode::RateLimited`] when all memory for bodies is taken.
pub(super) async fn read<B: Incoming>(body: B, limit: usize, memory: &Arc<Semaphore>) -> Result<(Bytes, Held), Error> {
    let late = || Error::new(ErrorCode::RequestTimeout, "the body did not arrive in time");
    let full = |_| Error::new(ErrorCode::RateLimited, "more bodies arrive at once than fit into memory");
    let mut paced = pin!(TimeoutBody::new(PAUSE_TIMEOUT, Limited::new(body, limit)));
    let began = Instant::now();
    let (mut pieces, mut length, mut held) = (Vec::new(), 0, None::<OwnedSemaphorePermit>);
    while let Some(frame) = timeout_at(began + time_for(length), paced.frame()).await.map_err(|_| late())? {
        let frame = frame.map_err(|error| match error {
            error if error.is::<LengthLimitError>() => too_large(),
            error if error.is::<TimeoutError>() => late(),
            _ => Error::new(ErrorCode::MalformedRequest, "the body was cut off"),
        })?;
        let Ok(mut piece) = frame.into_data() else { continue };
        let piece = piece.copy_to_bytes(piece.remaining());
        // Twice while the pieces are put together, which is over in a moment.
        length += piece.len();
        let more = length.div_ceil(1024) - held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = Arc::clone(memory).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX)).map_err(full)?;
        match &mut held {
            None => held = Some(more),
            Some(held) => held.merge(more),
        }
        pieces.push(piece);
    }
    let bytes = if pieces.len() == 1 { pieces.swap_remove(0) } else { Bytes::from(pieces.concat()) };
    Ok((bytes, Held(held)))
}

/// How long a body may have taken of which so many bytes have come.
fn time_for(length: usize) -> Duration {
    let earned = Duration::from_secs(u64::try_from(length / PACE).unwrap_or(u64::MAX));
    GRACE.saturating_add(earned).min(READ_TIMEOUT)
}

/// Reads away what a refused client is still sending, within bounds.
pub(super) async fn drain<B: Incoming>(body: B) {
    // Whether it ends, fails or takes too long is all the same here.
    drop(tokio::time::timeout(DRAIN_TIMEOUT, Limited::new(body, DRAIN_LIMIT).collect()).await);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use bytes::Bytes;
    use doorkey_core::ErrorCode;
    use http_body::Frame;
    use tokio::time::{Instant, Sleep, sleep};

    use super::{memory, read};

    /// Pieces of a size, one each so often.
    struct Pieces {
        left: usize,
        size: usize,
        every: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            ready!(self.next.as_mut().poll(cx));
            self.left -= 1;
            self.next = Box::pin(sleep(self.every));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![7; self.size])))))
        }
    }

    /// What becomes of a body of `left` pieces, and how many seconds later.
    async fn outcome(left: usize, size: usize, every: u64) -> (Result<usize, ErrorCode>, u64) {
        let (began, every) = (Instant::now(), Duration::from_secs(every));
        let body = Pieces { left, size, every, next: Box::pin(sleep(every)) };
        let read = read(body, 1 << 30, &memory(1 << 30)).await;
        (read.map(|(bytes, _)| bytes.len()).map_err(|error| error.code()), began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_a_minute_and_as_long_as_it_comes_at_a_pace() {
        let late = Err(ErrorCode::RequestTimeout);
        assert_eq!(outcome(4, 1, 14).await, (Ok(4), 56));
        assert_eq!(outcome(100, 1, 14).await, (late, 60));
        // A pause is too long whatever has come.
        assert_eq!(outcome(2, 1 << 20, 16).await, (late, 15));
        // Just as fast as is asked for, half as fast, and for ever.
        assert_eq!(outcome(60, 80 * 1024, 10).await, (Ok(60 * 80 * 1024), 600));
        assert_eq!(outcome(60, 40 * 1024, 9).await, (late, 125));
        assert_eq!(outcome(1000, 1 << 17, 11).await, (late, 900));
    }
}
