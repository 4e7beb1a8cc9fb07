//! The thread that writes the copy.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use doorkey_core::Origin;

use super::compact::compact;
use super::file::{CopyFile, Entry, NAME, NEXT};
use crate::directory::Position;
use crate::folder::Folder;

/// How much more than twice what it has to be the file may be.
const SLACK: u64 = 4 * 1024 * 1024;

/// What both ends of the queue know.
#[derive(Debug)]
pub(super) struct Shared {
    kept: Mutex<Position>,
    failed: AtomicBool,
    is_told: AtomicBool,
}

impl Shared {
    /// Up to where the copy misses nothing.
    pub(super) fn kept(&self) -> Position {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was lost; tells of it once, until a copy is whole again.
    pub(super) fn fail(&self, reason: impl std::fmt::Display) {
        self.failed.store(true, Ordering::Relaxed);
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(%reason, "the directory's copy on disk falls behind");
        }
    }

    /// Whether something was lost since this was asked last.
    pub(super) fn take_failure(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }

    fn is_at(&self, position: Position) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }

    fn is_whole(&self) {
        if !self.failed.load(Ordering::Relaxed) && self.is_told.swap(false, Ordering::Relaxed) {
            tracing::info!("the directory's copy on disk is whole again");
        }
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    folder: Arc<Folder>,
    issuer: Origin,
    current: Option<CopyFile>,
    /// A whole new copy that is not complete yet.
    next: Option<CopyFile>,
    /// What comes before the next stream does not go on where the copy is.
    is_behind: bool,
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn new(folder: Arc<Folder>, issuer: Origin, current: Option<CopyFile>) -> Self {
        let kept = current.as_ref().map(|copy| copy.position.clone()).unwrap_or_default();
        let shared = Shared { kept: Mutex::new(kept), failed: AtomicBool::new(false), is_told: AtomicBool::new(false) };
        Self { folder, issuer, current, next: None, is_behind: true, shared: Arc::new(shared) }
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Writes until the queue's other end is gone.
    pub(super) fn run(mut self, queue: &Receiver<Entry>) {
        while let Ok(entry) = queue.recv() {
            self.note(entry);
        }
    }

    /// Writes an entry; after one that could not be written, none until the next stream begins.
    pub(super) fn note(&mut self, entry: Entry) {
        if let Err(error) = self.take(entry) {
            self.is_behind = true;
            self.shared.fail(error);
        }
    }

    fn take(&mut self, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Begin(begin) => {
                self.next = None;
                self.is_behind = false;
                if begin.since == 0 {
                    self.is_behind = true;
                    self.next = Some(CopyFile::create(&self.folder, &self.issuer, &begin.history)?);
                    self.is_behind = false;
                } else if !self
                    .current
                    .as_ref()
                    .is_some_and(|copy| copy.position.history == begin.history && begin.since <= copy.position.revision)
                {
                    return Err(io::Error::other("a part of the directory is missing"));
                }
                Ok(())
            }
            _ if self.is_behind => Ok(()),
            Entry::Lines(lines) => self.target()?.write(&lines),
            Entry::Complete(complete) => {
                self.target()?.complete(complete)?;
                if let Some(mut next) = self.next.take() {
                    self.folder.replace(&next.file, NEXT, NAME)?;
                    next.compact_len = next.len;
                    self.current = Some(next);
                }
                self.compact_if_due();
                if let Some(current) = &self.current {
                    self.shared.is_at(current.position.clone());
                    self.shared.is_whole();
                }
                Ok(())
            }
        }
    }

    fn target(&mut self) -> io::Result<&mut CopyFile> {
        let target = self.next.as_mut().or(self.current.as_mut());
        target.ok_or_else(|| io::Error::other("there is no copy to go on with"))
    }

    fn compact_if_due(&mut self) {
        let Some(current) = &mut self.current else { return };
        if current.len <= 2 * current.compact_len + SLACK {
            return;
        }
        match compact(&self.folder, &self.issuer, current) {
            Ok(compacted) => *current = compacted,
            Err(error) => {
                tracing::warn!(%error, "the directory's copy on disk cannot be made smaller");
                // Not again at once: the file as it is is as good, only longer.
                current.compact_len = current.len;
            }
        }
    }
}
