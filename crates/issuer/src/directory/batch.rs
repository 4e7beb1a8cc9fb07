use std::time::Duration;

use doorkey_core::VerifierId;
use doorkey_verifier::DirectoryLine;

use super::line::{Line, within};
use crate::error::Error;
use crate::registry::Registry;
use crate::store::{Changed, DirectoryChange};

/// Changes that are read at once.
const PAGE: u32 = 500;

/// What has changed, in one history, from one revision to another.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) history: String,
    /// The revision that the directory has come to: this, or one that later batches come to.
    pub(super) newest: u64,
    /// Who has all up to this revision…
    pub(super) from: u64,
    /// …has all up to this one afterwards.
    pub(super) to: u64,
    /// Lines with their revisions, newlines included.
    pub(super) lines: Vec<(u64, Vec<u8>)>,
    /// Verifiers that are revoked.
    pub(super) revoked: Vec<VerifierId>,
    /// When the database was asked, on the monotonic clock, if there was nothing more then.
    pub(super) complete_at: Option<Duration>,
}

impl Batch {
    /// Reads what came after a revision. When the database has gone back, its history gets another name first.
    pub(super) async fn read(registry: &Registry, line: &Line, since: u64) -> Result<Self, Error> {
        loop {
            // Before anything else: what is committed later may not be in it.
            let asked_at = registry.clock().monotonic();
            let known = line.known();
            let page =
                within(async { registry.store().read().await?.changes_after(since, PAGE, known.as_ref()).await })
                    .await?;
            match (&page.head.history, page.goes_on) {
                (Some(history), true) => {
                    let batch = Self::new(history.clone(), since, page.head.revision, page.changes, asked_at)?;
                    line.is_at(page.head);
                    return Ok(batch);
                }
                (found, _) => line.leave(known, found.as_deref(), registry).await?,
            }
        }
    }

    fn new(
        history: String,
        since: u64,
        newest: u64,
        changes: Vec<DirectoryChange>,
        asked_at: Duration,
    ) -> Result<Self, Error> {
        let complete_at = (changes.len() < PAGE as usize).then_some(asked_at);
        let (lines, revoked) = (Vec::with_capacity(changes.len()), Vec::new());
        let mut batch = Self { history, newest, from: since, to: since, lines, revoked, complete_at };
        for change in changes {
            batch.to = change.revision;
            match change.what {
                Changed::Line(line) => batch.lines.push((change.revision, to_text(&line)?)),
                Changed::Verifier { id, is_revoked: true } => batch.revoked.push(id),
                Changed::Verifier { .. } => {}
            }
        }
        Ok(batch)
    }

    /// Whether there was nothing more.
    pub(super) fn is_last(&self) -> bool {
        self.complete_at.is_some()
    }
}

/// A line as it goes over the wire.
pub(super) fn to_text(line: &DirectoryLine) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec(line).map_err(Error::store)?;
    text.push(b'\n');
    Ok(text)
}
