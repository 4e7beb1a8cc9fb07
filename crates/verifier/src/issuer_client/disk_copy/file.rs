//! The file: its header, and what follows.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use doorkey_core::Origin;
use serde::{Deserialize, Serialize};

use crate::directory::{DirectoryBegin, Position};
use crate::folder::Folder;
use crate::issuer_client::boot::SinceBoot;

/// The copy's file in the data folder.
pub(super) const NAME: &str = "directory.ndjson";
/// A file that is on its way to take the other's place.
pub(super) const NEXT: &str = "directory.ndjson.new";
/// The form that this version writes; it reads no other.
pub(super) const FORMAT: u32 = 2;

/// The first line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) issuer: Origin,
    pub(super) history: String,
}

/// What goes into the copy.
#[derive(Debug)]
pub(super) enum Entry {
    /// A stream begins; not written as such.
    Begin(DirectoryBegin),
    /// Lines as they came.
    Lines(Vec<u8>),
    /// Nothing was missing.
    Complete(Complete),
}

impl Entry {
    pub(super) fn complete(revision: u64, at: Duration, boot: Option<SinceBoot>) -> Self {
        // Rounded down: never fresher than it was.
        Self::Complete(Complete { revision, at_ms: u64::try_from(at.as_millis()).unwrap_or(0), boot })
    }
}

/// When nothing was missing up to a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Complete {
    pub(super) revision: u64,
    /// In Unix milliseconds.
    pub(super) at_ms: u64,
    /// Where there is such a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) boot: Option<SinceBoot>,
}

/// A line that is none of the stream's own: `{"complete":{…}}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Note {
    Complete(Complete),
}

impl Note {
    /// How such a line begins; none of the stream's does.
    pub(super) const BEGIN: &[u8] = b"{\"complete\":";
}

/// A file that is written at its end.
#[derive(Debug)]
pub(in crate::issuer_client) struct CopyFile {
    pub(super) file: File,
    /// All that was written whole.
    pub(super) len: u64,
    /// About how long it would be without what is no longer so.
    pub(super) compact_len: u64,
    pub(super) position: Position,
}

impl CopyFile {
    /// Begins a new file beside the other.
    pub(super) fn create(folder: &Folder, issuer: &Origin, history: &str) -> io::Result<Self> {
        let file = folder.create(NEXT)?;
        let position = Position { history: history.into(), revision: 0 };
        let mut copy = Self { file, len: 0, compact_len: 0, position };
        let header = Header { format: FORMAT, issuer: issuer.clone(), history: history.into() };
        copy.write(&line(&header)?)?;
        Ok(copy)
    }

    /// Adds whole lines; half of them do not stay.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.file.write_all(lines) {
            Ok(()) => {
                self.len += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.file.set_len(self.len)?;
                Err(error)
            }
        }
    }

    pub(super) fn complete(&mut self, complete: Complete) -> io::Result<()> {
        let revision = complete.revision;
        self.write(&line(&Note::Complete(complete))?)?;
        self.position.revision = revision;
        Ok(())
    }
}

fn line(document: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(document)?;
    line.push(b'\n');
    Ok(line)
}
