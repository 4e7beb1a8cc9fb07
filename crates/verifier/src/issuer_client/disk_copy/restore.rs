//! Reads the copy at the start.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::time::Duration;

use doorkey_core::Origin;

use super::file::{Complete, CopyFile, FORMAT, Header, NAME, Note};
use crate::ambient::Moment;
use crate::directory::{Directory, DirectoryBegin, DirectoryLine, DirectorySynced, Position};
use crate::folder::Folder;
use crate::issuer_client::boot::SinceBoot;

const PIECE: usize = 256 * 1024;
const MAX_BATCH: usize = 256;

/// Fills the directory with what was true when the copy was last complete. What cannot be read is no copy: the directory
/// stays empty, and the issuer is asked for all of it.
pub(in crate::issuer_client) fn restore(
    folder: &Folder,
    issuer: &Origin,
    directory: &Directory,
    now: &Moment,
    boot: Option<&SinceBoot>,
) -> Option<CopyFile> {
    match read(folder, issuer, directory, |complete| moment_of(complete, now, boot)) {
        Ok(copy) => Some(copy),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, "the directory's copy on disk is not used");
            None
        }
    }
}

fn read(
    folder: &Folder,
    issuer: &Origin,
    directory: &Directory,
    moment_of: impl FnOnce(&Complete) -> Moment,
) -> io::Result<CopyFile> {
    let mut lines =
        Lines { reader: BufReader::with_capacity(PIECE, File::open(folder.file(NAME))?), len: 0, number: 0 };
    let mut text = Vec::new();
    if !lines.next(&mut text)? {
        return Err(invalid("it has no header"));
    }
    let header: Header = serde_json::from_slice(&text).map_err(|_| invalid("it has no header of this version"))?;
    if header.format != FORMAT {
        return Err(invalid("it is of another version"));
    }
    if header.issuer != *issuer {
        return Err(invalid("it is another issuer's"));
    }
    let (mut complete, mut keys, mut key_bytes) = (None, 0u64, 0u64);
    let begin = DirectoryBegin { history: header.history.clone(), since: 0 };
    let mut batch = vec![DirectoryLine::Begin(begin)];
    while lines.next(&mut text)? {
        if text.starts_with(Note::BEGIN) {
            let Note::Complete(note) = serde_json::from_slice(&text).map_err(|_| lines.unreadable())?;
            complete = Some(note);
            continue;
        }
        let line = serde_json::from_slice(&text).map_err(|_| lines.unreadable())?;
        match line {
            DirectoryLine::Begin(_) | DirectoryLine::Synced(_) => return Err(lines.unreadable()),
            DirectoryLine::Key(_) => (keys, key_bytes) = (keys + 1, key_bytes + text.len() as u64),
            _ => {}
        }
        batch.push(line);
        if batch.len() == MAX_BATCH {
            directory.apply(batch.drain(..), Moment::default()).map_err(io::Error::other)?;
        }
    }
    let Some(complete) = complete else {
        return Err(invalid("it never was complete"));
    };
    batch.push(DirectoryLine::Synced(DirectorySynced { revision: complete.revision, after_ms: 0 }));
    directory.apply(batch, moment_of(&complete)).map_err(io::Error::other)?;

    let file = folder.append(NAME)?;
    // A line that was cut off while it was written.
    file.set_len(lines.len)?;
    let compact_len = key_bytes.checked_div(keys).unwrap_or(0) * directory.len() as u64;
    let position = Position { history: header.history, revision: complete.revision };
    Ok(CopyFile { file, len: lines.len, compact_len, position })
}

/// When the copy was complete, on the clocks of this process: never later than it was, by the clock that says more. A
/// time that has not come yet was told by a clock that was wrong, and one of another start of the machine cannot be held
/// against the clock on the wall, which may have come up behind: both say nothing.
fn moment_of(complete: &Complete, now: &Moment, boot: Option<&SinceBoot>) -> Moment {
    let since_boot = match (boot, &complete.boot) {
        (None, None) => Some(Duration::ZERO),
        (Some(now), Some(then)) => now.since(then),
        _ => None,
    };
    let since_wall = now.wall.checked_sub(Duration::from_millis(complete.at_ms));
    match since_boot.zip(since_wall) {
        Some((boot, wall)) => {
            let age = boot.max(wall);
            Moment { wall: now.wall.saturating_sub(age), monotonic: now.monotonic.saturating_sub(age) }
        }
        None => Moment::default(),
    }
}

struct Lines<R> {
    reader: R,
    /// The length of all whole lines.
    len: u64,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next whole line; `false` at the end.
    fn next(&mut self, text: &mut Vec<u8>) -> io::Result<bool> {
        text.clear();
        self.reader.read_until(b'\n', text)?;
        if text.last() != Some(&b'\n') {
            return Ok(false);
        }
        self.len += text.len() as u64;
        self.number += 1;
        Ok(true)
    }

    fn unreadable(&self) -> io::Error {
        invalid(format!("line {} cannot be read", self.number))
    }
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason.into())
}
