//! Reading bodies: never more than the policy allows, never for longer than a client may take.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use doorkey_core::{Error, ErrorCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::request::too_large;

/// How long a body may pause, and how long the whole of it may take.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(15);
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
    Arc::new(Semaphore::new((bytes / 1024).min(Semaphore::MAX_PERMITS)))
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
    let collect = async {
        let (mut pieces, mut length, mut held) = (Vec::new(), 0, None::<OwnedSemaphorePermit>);
        while let Some(frame) = paced.frame().await {
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
            let more =
                Arc::clone(memory).try_acquire_many_owned(u32::try_from(more).unwrap_or(u32::MAX)).map_err(full)?;
            match &mut held {
                None => held = Some(more),
                Some(held) => held.merge(more),
            }
            pieces.push(piece);
        }
        let bytes = if pieces.len() == 1 { pieces.swap_remove(0) } else { Bytes::from(pieces.concat()) };
        Ok((bytes, Held(held)))
    };
    tokio::time::timeout(READ_TIMEOUT, collect).await.unwrap_or_else(|_| Err(late()))
}

/// Reads away what a refused client is still sending, within bounds.
pub(super) async fn drain<B: Incoming>(body: B) {
    // Whether it ends, fails or takes too long is all the same here.
    drop(tokio::time::timeout(DRAIN_TIMEOUT, Limited::new(body, DRAIN_LIMIT).collect()).await);
}
