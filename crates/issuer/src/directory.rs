//! The directory as verifiers follow it: one task reads what has changed and tells every stream.

mod batch;
mod line;
mod places;
mod settings;
mod stream;
mod turns;

pub(crate) use stream::Wanted;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{JwkSet, VerifierId};
use futures_util::Stream;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{MissedTickBehavior, interval};

use self::batch::Batch;
use self::line::Line;
use self::places::Places;
use self::stream::Follower;
use self::turns::Turns;
use crate::error::Error;
use crate::registry::Registry;

/// How often the database is asked while somebody follows: for what another process wrote to a file, or what Postgres
/// told to nobody; and so that a stream can say again and again that nothing is missing.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How many batches a stream may be behind before it is cut off.
const MAX_BEHIND: usize = 1024;

/// Tells verifiers what has changed.
#[derive(Debug)]
pub(crate) struct Feed {
    registry: Registry,
    line: Line,
    public_keys: JwkSet,
    batches: broadcast::Sender<Arc<Batch>>,
    /// Somebody has begun to follow.
    joined: Notify,
    phase: watch::Sender<Phase>,
    places: Arc<Places>,
    turns: Turns,
}

/// Whether there is a task that reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not yet, or never: then a stream ends once it has said all.
    Idle,
    Running,
    /// Every stream ends.
    Stopped,
}

impl Feed {
    pub(crate) fn new(registry: Registry, public_keys: JwkSet) -> Self {
        Self {
            registry,
            line: Line::default(),
            public_keys,
            batches: broadcast::Sender::new(MAX_BEHIND),
            joined: Notify::new(),
            phase: watch::Sender::new(Phase::Idle),
            places: Arc::default(),
            turns: Turns::default(),
        }
    }

    /// Reads and tells, until `stop`; then every stream ends. As long as nobody follows, it does nothing.
    pub(crate) async fn run(&self, stop: impl Future<Output = ()>) {
        self.phase.send_replace(Phase::Running);
        let read = async {
            loop {
                self.joined.notified().await;
                self.tell().await;
            }
        };
        tokio::select! {
            () = stop => {}
            () = read => {}
        }
        self.phase.send_replace(Phase::Stopped);
    }

    /// Opens a stream for a verifier whose request was received at a time on the monotonic clock.
    ///
    /// Fails with `rate_limited` when the verifier follows with too many, with `issuer_unavailable` when all together do
    /// or an answer waits for its turn for too long, and with `store_unavailable`.
    pub(crate) async fn open(
        self: &Arc<Self>,
        verifier: VerifierId,
        wanted: &Wanted,
        received: Duration,
    ) -> Result<impl Stream<Item = Result<Bytes, std::convert::Infallible>> + use<>, Error> {
        Follower::open(Arc::clone(self), verifier, wanted, received).await
    }

    /// Reads until nobody follows any more.
    async fn tell(&self) {
        let mut changes = self.registry.store().changes();
        let mut ticks = interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut position, mut is_away) = (None, false);
        while self.batches.receiver_count() > 0 {
            tokio::select! {
                _ = ticks.tick() => {}
                () = changes.wait() => {}
            }
            let told = self.tell_what_is_new(&mut position).await;
            if let Err(error) = &told
                && !is_away
            {
                tracing::warn!(cause = std::error::Error::source(error), "verifiers hear of nothing: {error}");
            }
            is_away = told.is_err();
        }
    }

    /// Reads what came after a revision.
    async fn read(&self, since: u64) -> Result<Batch, Error> {
        Batch::read(&self.registry, &self.line, since).await
    }

    /// Reads page after page. Streams find the first one's beginning by themselves.
    async fn tell_what_is_new(&self, position: &mut Option<(String, u64)>) -> Result<(), Error> {
        loop {
            let (history, since) = if let Some(position) = position.take() {
                position
            } else {
                let now = self.read(u64::MAX).await?;
                (now.history, now.newest)
            };
            let batch = self.read(since).await?;
            let is_last = batch.is_last();
            // In another history the revision stands for something else. The streams of the one before end with this.
            *position = (batch.history == history).then_some((history, batch.to));
            // Nobody need be there any more.
            drop(self.batches.send(Arc::new(batch)));
            if is_last {
                return Ok(());
            }
        }
    }
}
