//! One stream, to one verifier.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::VerifierId;
use doorkey_verifier::{DirectoryBegin, DirectoryLine, DirectorySynced};
use futures_util::{Stream, stream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::batch::{Batch, to_text};
use super::places::Place;
use super::turns::Turn;
use super::{Feed, Phase, settings};
use crate::error::Error;
use crate::settings::Settings;

/// For so long at most: then the reader asks anew, and whatever the two clocks had drifted apart is gone.
const LONGEST: Duration = Duration::from_mins(5);
/// A stream on which nothing new can be said for so long ends; so does one whose reader takes nothing for so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// That nothing is missing is said this often, even if nothing has changed: with what the feed needs to ask the
/// database once more, it comes to less than a second.
const SAY_EVERY: Duration = Duration::from_millis(700);
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

/// What a verifier asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What it has already, of the history of that name.
    pub(crate) since: u64,
    pub(crate) history: Option<String>,
    /// Whether it goes on to listen.
    pub(crate) follow: bool,
}

/// Writes one stream.
pub(super) struct Follower {
    /// Before the way out: when its reader sees the end, there is room for another.
    _room: Room,
    feed: Arc<Feed>,
    verifier: VerifierId,
    received: Duration,
    history: String,
    position: u64,
    settings: watch::Receiver<Arc<Settings>>,
    out: mpsc::Sender<Bytes>,
    said_at: Option<Instant>,
    heard_at: Instant,
}

/// What an answer takes up.
enum Room {
    Stream { _place: Place },
    Answer { _turn: Turn },
}

/// Why a stream ends: none of it is the reader's to know, who asks again.
enum End {
    Revoked,
    /// What it was told is not all true any more.
    GoneBack,
    Gone,
    Failed,
}

impl Follower {
    pub(super) async fn open(
        feed: Arc<Feed>,
        verifier: VerifierId,
        wanted: &Wanted,
        received: Duration,
    ) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Error> {
        let room = if wanted.follow {
            Room::Stream { _place: feed.places.take(verifier)? }
        } else {
            Room::Answer { _turn: feed.turns.wait(verifier).await? }
        };
        let Batch { history, newest, .. } = feed.read(u64::MAX).await?;
        let goes_on = wanted.history.as_ref() == Some(&history) && wanted.since <= newest;
        let position = if goes_on { wanted.since } else { 0 };
        let mut settings = feed.registry.follow_settings();
        let mut head = to_text(&DirectoryLine::Begin(DirectoryBegin { history: history.clone(), since: position }))?;
        head.extend(to_text(&settings::line(&settings.borrow_and_update().clone(), &feed.public_keys)?)?);
        // Before the head of the response is sent, what is wrong can be told.
        let first = feed.read(position).await?;
        if first.history != history {
            return Err(Error::store("the database has gone back meanwhile"));
        }
        let (out, pieces) = mpsc::channel(WAITING);
        let follower = Self {
            feed,
            verifier,
            received,
            history,
            position,
            settings,
            out,
            said_at: None,
            heard_at: Instant::now(),
            _room: room,
        };
        // A task of its own: it ends when its time has come, even if the reader takes nothing any more.
        tokio::spawn(follower.run(head, first, wanted.follow));
        Ok(stream::unfold(pieces, async |mut pieces| Some((Ok(pieces.recv().await?), pieces))))
    }

    async fn run(mut self, head: Vec<u8>, first: Batch, follow: bool) {
        let verifier = self.verifier;
        match self.write(head, first, follow).await {
            Ok(()) => {}
            Err(End::Gone) => tracing::debug!(%verifier, "a verifier has stopped reading"),
            Err(End::Revoked) => tracing::info!(%verifier, "a verifier was revoked while it followed"),
            Err(End::GoneBack) => tracing::info!(%verifier, "a verifier has to begin anew"),
            Err(End::Failed) => tracing::info!(%verifier, "a verifier cannot be told more"),
        }
    }

    async fn write(&mut self, head: Vec<u8>, first: Batch, follow: bool) -> Result<(), End> {
        let until = Instant::now() + LONGEST;
        let mut phase = self.feed.phase.subscribe();
        self.send(head).await?;
        self.take(&first).await?;
        if !first.is_last() {
            self.catch_up().await?;
        }
        if !follow || *phase.borrow_and_update() != Phase::Running {
            return Ok(());
        }
        let mut batches = self.feed.batches.subscribe();
        self.feed.joined.notify_one();
        loop {
            tokio::select! {
                // Told to end, it takes nothing more.
                biased;
                _ = phase.changed() => return Ok(()),
                () = sleep_until(until) => return Ok(()),
                () = self.out.closed() => return Err(End::Gone),
                Ok(()) = self.settings.changed() => self.send_settings().await?,
                batch = timeout_at(self.heard_at + PATIENCE, batches.recv()) => match batch {
                    Ok(Ok(batch)) if batch.history != self.history => return Err(End::GoneBack),
                    // Something lies between: then it was not read for this stream.
                    Ok(Ok(batch)) if batch.from > self.position => self.catch_up().await?,
                    Ok(Ok(batch)) => self.take(&batch).await?,
                    Ok(Err(broadcast::error::RecvError::Lagged(_))) => return Err(End::Gone),
                    Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return Err(End::Failed),
                },
            }
        }
    }

    /// Reads by itself, up to the newest change.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let batch = self.feed.read(self.position).await.map_err(|_| End::Failed)?;
            if batch.history != self.history {
                return Err(End::GoneBack);
            }
            self.take(&batch).await?;
            if batch.is_last() {
                return Ok(());
            }
        }
    }

    /// Writes what is new in a batch that begins where this stream is, or before.
    async fn take(&mut self, batch: &Batch) -> Result<(), End> {
        if batch.revoked.contains(&self.verifier) {
            return Err(End::Revoked);
        }
        let new = batch.lines.iter().filter(|(revision, _)| *revision > self.position);
        let mut text: Vec<u8> = new.flat_map(|(_, line)| line).copied().collect();
        self.position = self.position.max(batch.to);
        if let Some(complete_at) = batch.complete_at {
            self.heard_at = Instant::now();
            let is_due = self.said_at.is_none_or(|said| said.elapsed() >= SAY_EVERY);
            if let Some(after) = complete_at.checked_sub(self.received)
                && (is_due || !text.is_empty())
            {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                let synced = DirectorySynced { revision: self.position, after_ms };
                text.extend(to_text(&DirectoryLine::Synced(synced)).map_err(|_| End::Failed)?);
                self.said_at = Some(self.heard_at);
                self.feed.registry.note_verifier_seen(self.verifier);
            }
        }
        self.send(text).await
    }

    async fn send_settings(&mut self) -> Result<(), End> {
        let current = self.settings.borrow_and_update().clone();
        let line = settings::line(&current, &self.feed.public_keys).map_err(|_| End::Failed)?;
        self.send(to_text(&line).map_err(|_| End::Failed)?).await
    }

    async fn send(&self, text: Vec<u8>) -> Result<(), End> {
        if text.is_empty() {
            return Ok(());
        }
        self.out.send_timeout(text.into(), PATIENCE).await.map_err(|_| End::Gone)
    }
}
