//! The bytes of an answer, cut into lines and these into batches.

use bytes::{Buf, BytesMut};
use doorkey_core::{Error, ErrorCode};

use super::line::DirectoryLine;

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
    /// What a copy keeps of them: all but those two, as they came.
    pub(super) text: Vec<u8>,
}

/// What has come and was not read yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    searched: usize,
}

impl Lines {
    /// Adds what has come.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Whether all that came was whole lines, and read.
    pub(super) fn is_empty(&self) -> bool {
        !self.buffer.has_remaining()
    }

    /// The next lines, if one is whole.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, Error> {
        let mut batch = Batch::default();
        while let Some(line) = self.line()? {
            if batch.push(&line)? {
                break;
            }
        }
        Ok((!batch.lines.is_empty()).then_some(batch))
    }

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

#[cfg(test)]
mod tests {
    use super::{Lines, MAX_BATCH, MAX_LINE_LEN};

    const BEGIN: &str = r#"{"begin":{"history":"h","since":0}}"#;
    const TENANT: &str = r#"{"organization":{"id":"org_00000000000000000000000000","archived":false}}"#;
    const SYNCED: &str = r#"{"synced":{"revision":1,"after_ms":0}}"#;

    fn sizes(lines: &mut Lines) -> Vec<usize> {
        std::iter::from_fn(|| lines.next().unwrap()).map(|batch| batch.lines.len()).collect()
    }

    #[test]
    fn lines_are_whole_wherever_the_pieces_are_cut() {
        let text = format!("{BEGIN}\n{TENANT}\n{TENANT}\n{SYNCED}\n");
        for cut in 0..=text.len() {
            let mut lines = Lines::default();
            let mut kept = Vec::new();
            let mut count = 0;
            for piece in [&text[..cut], &text[cut..]] {
                lines.push(piece.as_bytes());
                while let Some(batch) = lines.next().unwrap() {
                    count += batch.lines.len();
                    kept.extend(batch.text);
                }
            }
            assert_eq!((count, lines.is_empty()), (4, true), "{cut}");
            assert_eq!(String::from_utf8(kept).unwrap(), format!("{TENANT}\n{TENANT}\n"), "{cut}");
        }
        let mut lines = Lines::default();
        text.as_bytes().chunks(1).for_each(|byte| lines.push(byte));
        assert_eq!(sizes(&mut lines), [1, 3], "the first stands alone");
        lines.push(TENANT.as_bytes());
        assert_eq!((sizes(&mut lines).len(), lines.is_empty()), (0, false), "no line without its end");
    }

    #[test]
    fn a_batch_and_a_line_have_bounds() {
        let mut lines = Lines::default();
        lines.push(format!("{TENANT}\n").repeat(MAX_BATCH + 1).as_bytes());
        assert_eq!(sizes(&mut lines), [MAX_BATCH, 1]);
        let mut lines = Lines::default();
        lines.push(&vec![b' '; MAX_LINE_LEN]);
        assert!(lines.next().unwrap().is_none());
        lines.push(b" ");
        assert!(lines.next().is_err());
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for line in ["{}", r#"{"other":{}}"#, &SYNCED.replace('}', r#","x":1}"#), "\u{e4}", ""] {
            let mut lines = Lines::default();
            lines.push(format!("{line}\n").as_bytes());
            assert!(lines.next().is_err(), "{line}");
        }
    }
}
