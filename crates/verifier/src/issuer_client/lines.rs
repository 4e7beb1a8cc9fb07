//! The stream of the directory, cut into lines and these into batches.

use std::time::Duration;

use bytes::BytesMut;
use doorkey_core::{Error, ErrorCode};
use reqwest::Response;

use super::requests::away;
use crate::directory::DirectoryLine;

/// A key has a few hundred bytes; one with thousands of origins still fits.
const MAX_LINE_LEN: usize = 1024 * 1024;
/// The directory is locked for as long as a batch takes.
const MAX_BATCH: usize = 256;
/// A batch waits in the copy's queue, so it has a bound in bytes too.
const MAX_BATCH_LEN: usize = 256 * 1024;

/// Lines that came together. A [`DirectoryLine::Begin`] stands alone, a [`DirectoryLine::Synced`] last.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) lines: Vec<DirectoryLine>,
    /// What the copy keeps of them: all but those two, as they came.
    pub(super) text: Vec<u8>,
}

/// The lines of an answer.
#[derive(Debug)]
pub(super) struct Lines {
    response: Response,
    patience: Duration,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    /// The answer's lines; silence for longer than `patience` ends them.
    pub(super) fn new(response: Response, patience: Duration) -> Self {
        Self { response, patience, buffer: BytesMut::new(), searched: 0 }
    }

    /// Waits for a line, and takes with it what has come; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, Error> {
        let mut batch = Batch::default();
        loop {
            while let Some(line) = self.line()? {
                if batch.push(&line)? {
                    return Ok(Some(batch));
                }
            }
            if !batch.lines.is_empty() {
                return Ok(Some(batch));
            }
            match tokio::time::timeout(self.patience, self.response.chunk()).await {
                Ok(Ok(Some(piece))) => self.buffer.extend_from_slice(&piece),
                Ok(Ok(None)) if self.buffer.is_empty() => return Ok(None),
                Ok(Ok(None) | Err(_)) => return Err(away("the connection to the issuer was cut")),
                Err(_) => return Err(away("the issuer is silent")),
            }
        }
    }

    /// A whole line, if one is there.
    fn line(&mut self) -> Result<Option<BytesMut>, Error> {
        let end = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let len = end.map_or(self.buffer.len(), |end| self.searched + end + 1);
        if len > MAX_LINE_LEN {
            return Err(unreadable());
        }
        self.searched = if end.is_some() { 0 } else { len };
        Ok(end.map(|_| self.buffer.split_to(len)))
    }
}

impl Batch {
    /// Adds a line; yields whether the batch ends with it.
    fn push(&mut self, text: &[u8]) -> Result<bool, Error> {
        let line = serde_json::from_slice(text).map_err(|_| unreadable())?;
        let is_last = match line {
            DirectoryLine::Begin(_) | DirectoryLine::Synced(_) => true,
            _ => {
                self.text.extend_from_slice(text);
                self.lines.len() + 1 >= MAX_BATCH || self.text.len() >= MAX_BATCH_LEN
            }
        };
        self.lines.push(line);
        Ok(is_last)
    }
}

/// What came is not shown: it may be anything.
fn unreadable() -> Error {
    Error::new(ErrorCode::KeysUnavailable, "a line of the directory cannot be read")
}
