//! Leaves out of the copy what is no longer so, without holding it in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use doorkey_core::{KeyId, OrganizationId, Origin, WorkspaceId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::file::{Complete, CopyFile, NAME, NEXT};
use crate::folder::Folder;

/// How much is written at once.
const PIECE: usize = 256 * 1024;

/// What a line is about; the last one of each counts.
#[derive(PartialEq, Eq, Hash)]
enum Subject {
    Settings,
    Key(KeyId),
    Organization(OrganizationId),
    Workspace(WorkspaceId),
}

/// A line, read as far as that needs.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Settings(IgnoredAny),
    Key(Of<KeyId>),
    Organization(Of<OrganizationId>),
    Workspace(Of<WorkspaceId>),
    Complete(Complete),
}

#[derive(Deserialize)]
struct Of<I> {
    id: I,
}

/// Writes the copy anew, with the last line of each subject and the last note.
pub(super) fn compact(folder: &Folder, issuer: &Origin, copy: &CopyFile) -> io::Result<CopyFile> {
    let mut last = HashMap::new();
    let mut complete = None;
    each_line(folder, copy, |number, text| {
        let subject = match serde_json::from_slice(text)? {
            Line::Settings(_) => Subject::Settings,
            Line::Key(key) => Subject::Key(key.id),
            Line::Organization(tenant) => Subject::Organization(tenant.id),
            Line::Workspace(tenant) => Subject::Workspace(tenant.id),
            Line::Complete(note) => {
                complete = Some(note);
                return Ok(());
            }
        };
        last.insert(subject, number);
        Ok(())
    })?;
    let mut wanted: Vec<u32> = last.into_values().collect();
    wanted.sort_unstable();
    let mut wanted = wanted.into_iter().peekable();

    let mut compacted = CopyFile::create(folder, issuer, &copy.position.history)?;
    let mut piece = Vec::with_capacity(PIECE);
    each_line(folder, copy, |number, text| {
        if wanted.next_if_eq(&number).is_some() {
            piece.extend_from_slice(text);
        }
        if piece.len() >= PIECE {
            compacted.write(&piece)?;
            piece.clear();
        }
        Ok(())
    })?;
    compacted.write(&piece)?;
    compacted.complete(complete.ok_or(io::ErrorKind::InvalidData)?)?;
    compacted.compact_len = compacted.len;
    folder.replace(&compacted.file, NEXT, NAME)?;
    Ok(compacted)
}

/// Goes through all lines behind the header, with their numbers.
fn each_line(folder: &Folder, copy: &CopyFile, mut take: impl FnMut(u32, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(PIECE, File::open(folder.file(NAME))?);
    let mut text = Vec::new();
    reader.read_until(b'\n', &mut text)?;
    let mut read = text.len() as u64;
    let mut number = 0u32;
    while read < copy.len {
        text.clear();
        read += reader.read_until(b'\n', &mut text)? as u64;
        if text.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        take(number, &text)?;
        number = number.checked_add(1).ok_or(io::ErrorKind::FileTooLarge)?;
    }
    Ok(())
}
