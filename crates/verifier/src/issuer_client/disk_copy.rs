//! The copy of the directory on disk: a verifier that starts while the issuer is away goes on from it.
//!
//! The file has one JSON document a line: a header, then the stream's own lines as they came, and in between when nothing
//! was missing. It always begins with a whole directory: a new one is written beside and takes its place once complete.

mod compact;
mod file;
mod restore;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use restore::restore;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, Origin};
use tokio::sync::oneshot;

use self::file::{CopyFile, Entry};
use self::writer::{Shared, Writer};
use super::boot::{BootClock, SinceBoot};
use crate::ambient::Clock;
use crate::directory::{DirectoryBegin, Position};
use crate::folder::Folder;

/// How many entries may wait for the disk; each has at most the length of a batch.
const QUEUE: usize = 64;
/// How often it is noted at most that nothing was missing.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How long a copy that has lost something stays so at least: to go on, the issuer has to say things again.
const FIRST_REST: Duration = Duration::from_mins(1);
const LONGEST_REST: Duration = Duration::from_hours(1);

/// The end of the copy's queue at which the directory's lines go in. It never waits for the disk: what finds no room is
/// lost to the copy, which then stands still until the issuer tells it all that it missed.
#[derive(Debug)]
pub(super) struct DiskCopy {
    entries: SyncSender<Entry>,
    ended: oneshot::Receiver<()>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    boot: BootClock,
    /// When the stream was asked for.
    asked_at: Option<SinceBoot>,
    /// Whether the lines of this stream go on where the copy is.
    is_fed: bool,
    rest: Duration,
    rested_at: Option<Duration>,
    noted_at: Option<Duration>,
    /// What was not noted, because something was just before.
    unnoted: Option<Entry>,
}

impl DiskCopy {
    /// Begins to write behind what was restored. Fails with [`ErrorCode::StoreUnavailable`] if there is no thread for it.
    pub(super) fn start(
        folder: Arc<Folder>,
        issuer: Origin,
        restored: Option<CopyFile>,
        clock: Arc<dyn Clock>,
        boot: BootClock,
    ) -> Result<Self, Error> {
        let (entries, queue) = sync_channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let writer = Writer::new(folder, issuer, restored);
        let shared = writer.shared();
        let thread = move || {
            // Dropped at the end, whatever that is.
            let _end = end;
            writer.run(&queue);
        };
        std::thread::Builder::new()
            .name("doorkey-copy".into())
            .spawn(thread)
            .map_err(|_| Error::new(ErrorCode::StoreUnavailable, "there is no thread for the directory's copy"))?;
        Ok(Self::new(entries, ended, shared, clock, boot))
    }

    fn new(
        entries: SyncSender<Entry>,
        ended: oneshot::Receiver<()>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        boot: BootClock,
    ) -> Self {
        Self {
            entries,
            ended,
            shared,
            clock,
            boot,
            asked_at: None,
            is_fed: false,
            rest: FIRST_REST,
            rested_at: None,
            noted_at: None,
            unnoted: None,
        }
    }

    /// Where the next stream has to go on from, so that neither the directory, which is at `position`, nor the copy
    /// misses anything. The stream is asked for after this.
    pub(super) fn resume_from(&mut self, position: Position) -> Position {
        self.note_rest();
        self.asked_at = self.boot.now();
        let now = self.clock.monotonic();
        if self.shared.take_failure() {
            self.rested_at = Some(now.saturating_add(self.rest));
            self.rest = (2 * self.rest).min(LONGEST_REST);
        } else if self.is_fed {
            self.rest = FIRST_REST;
        }
        self.is_fed = self.rested_at.is_none_or(|at| at <= now);
        let kept = self.shared.kept();
        match self.rested_at {
            None => position,
            Some(_) if !self.is_fed => position,
            Some(_) => {
                self.rested_at = None;
                let goes_on = kept.history == position.history && kept.revision <= position.revision;
                if goes_on { kept } else { Position::default() }
            }
        }
    }

    /// A stream begins.
    pub(super) fn begin(&mut self, begin: &DirectoryBegin) {
        (self.noted_at, self.unnoted) = (None, None);
        self.send(Entry::Begin(begin.clone()));
    }

    /// Lines came.
    pub(super) fn lines(&mut self, text: Vec<u8>) {
        if !text.is_empty() {
            self.send(Entry::Lines(text));
        }
    }

    /// Nothing was missing up to `revision` at `at`, a time since the Unix epoch, `after` the stream was asked for.
    pub(super) fn complete(&mut self, revision: u64, at: Duration, after: Duration) {
        let entry = Entry::complete(revision, at, self.asked_at.as_ref().map(|asked_at| asked_at.plus(after)));
        let now = self.clock.monotonic();
        if self.noted_at.is_some_and(|noted| now.saturating_sub(noted) < NOTE_EVERY) {
            self.unnoted = Some(entry);
            return;
        }
        (self.noted_at, self.unnoted) = (Some(now), None);
        self.send(entry);
    }

    /// Writes what is left, and lets go of the folder.
    pub(super) async fn close(mut self) {
        self.note_rest();
        drop(self.entries);
        let _ = self.ended.await;
    }

    fn note_rest(&mut self) {
        if let Some(entry) = self.unnoted.take() {
            self.send(entry);
        }
    }

    fn send(&mut self, entry: Entry) {
        if !self.is_fed {
            return;
        }
        match self.entries.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.lose("the disk is too slow"),
            Err(TrySendError::Disconnected(_)) => self.lose("its writer has ended"),
        }
    }

    fn lose(&mut self, reason: &'static str) {
        // What came later would leave a hole before it.
        (self.is_fed, self.unnoted) = (false, None);
        self.shared.fail(reason);
    }
}
