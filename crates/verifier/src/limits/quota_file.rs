//! What each key has used of its month, on disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId};
use serde::{Deserialize, Serialize};

use super::charge::Subject;
use super::table::Table;
use super::window::Window;

/// How long changes are gathered.
const DELAY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct QuotaFile {
    path: PathBuf,
    has_changed: AtomicBool,
    /// Held while writing: an older state must not replace a newer one.
    writing: Mutex<()>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// When the month begins, in Unix seconds.
    month: u64,
    used: BTreeMap<KeyId, u64>,
}

impl QuotaFile {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join("quota.json"), has_changed: AtomicBool::new(false), writing: Mutex::default() }
    }

    /// Whether this is the first change since the file was written.
    pub(super) fn is_first_change(&self) -> bool {
        !self.has_changed.load(Ordering::Relaxed) && !self.has_changed.swap(true, Ordering::Relaxed)
    }

    /// What an earlier process has left.
    pub(super) fn read(&self) -> Result<Vec<(Subject, Window, u64)>, Error> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(_) => return Err(unusable("quota.json cannot be read")),
        };
        let document: Document =
            serde_json::from_slice(&text).map_err(|_| unusable("quota.json is not what was written"))?;
        let window = Window::month(document.month);
        Ok(document.used.into_iter().map(|(key, used)| (Subject::Quota(key), window, used)).collect())
    }

    /// Writes once some changes have come together.
    pub(super) async fn write_soon(self: Arc<Self>, table: Arc<Table>) {
        tokio::time::sleep(DELAY).await;
        let written = tokio::task::spawn_blocking(move || self.write(&table)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "this month's counts could not be written");
        }
    }

    /// Writes the counts of the latest month there is.
    pub(super) fn write(&self, table: &Table) -> Result<(), Error> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look: what changes after it is another change.
        self.has_changed.store(false, Ordering::SeqCst);
        let quotas = table.quotas();
        let month = quotas.iter().map(|(_, window, _)| window.begin).max().unwrap_or_default();
        let mut document = Document { month, used: BTreeMap::new() };
        for (subject, window, used) in quotas {
            if let Subject::Quota(key) = subject
                && window.begin == month
            {
                document.used.insert(key, used);
            }
        }
        let text = serde_json::to_vec(&document).map_err(|_| unusable("the counts cannot be written as JSON"))?;
        self.replace(&text).map_err(|_| unusable("quota.json cannot be written"))
    }

    /// Beside, then in its place: whoever is killed in between leaves the old file.
    fn replace(&self, text: &[u8]) -> io::Result<()> {
        let beside = self.path.with_extension("json.new");
        let mut file = File::create(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(beside, &self.path)
    }
}

fn unusable(detail: &'static str) -> Error {
    Error::new(ErrorCode::StoreUnavailable, detail)
}
