//! What each key has used of its month, on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId};
use serde::{Deserialize, Serialize};

use super::table::Table;
use super::window::Window;
use crate::folder::Folder;

const NAME: &str = "quota.json";
/// Not the lock of the connection to the issuer, which the same process keeps in the same folder.
const LOCK: &str = "quota.lock";
/// How long changes are gathered.
const DELAY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct QuotaFile {
    folder: Folder,
    has_changed: AtomicBool,
    /// Held while writing: an older state must not replace a newer one.
    writing: Mutex<()>,
}

/// The file has a list of them, the month that was counted in last at its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    /// When it begins, in Unix seconds.
    month: u64,
    used: BTreeMap<KeyId, u64>,
}

impl QuotaFile {
    /// Fails with [`ErrorCode::StoreUnavailable`], or with [`ErrorCode::Conflict`] if somebody else has it.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let folder = Folder::open(folder, LOCK)?;
        Ok(Self { folder, has_changed: AtomicBool::new(false), writing: Mutex::default() })
    }

    /// Whether this is the first change since the file was written.
    pub(super) fn is_first_change(&self) -> bool {
        !self.has_changed.load(Ordering::Relaxed) && !self.has_changed.swap(true, Ordering::Relaxed)
    }

    /// What an earlier process has left.
    pub(super) fn read(&self) -> Result<Vec<(Window, KeyId, u64)>, Error> {
        let text = match fs::read(self.folder.file(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(_) => return Err(unusable("quota.json cannot be read")),
        };
        let months: Vec<Month> =
            serde_json::from_slice(&text).map_err(|_| unusable("quota.json is not what was written"))?;
        let of = |Month { month, used }| {
            let month = Window::month(month);
            used.into_iter().map(move |(key, used)| (month, key, used))
        };
        Ok(months.into_iter().flat_map(of).collect())
    }

    /// Writes the counts of the last two months that were counted in.
    pub(super) fn write(&self, table: &Table) -> Result<(), Error> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look: what changes after it is another change.
        self.has_changed.store(false, Ordering::SeqCst);
        let of = |(month, used): (Window, Vec<_>)| Month { month: month.begin, used: used.into_iter().collect() };
        let months: Vec<_> = table.quotas().into_iter().map(of).collect();
        let text = serde_json::to_vec(&months).map_err(|_| unusable("the counts cannot be written as JSON"))?;
        self.folder.write(NAME, &text).map_err(|_| unusable("quota.json cannot be written"))
    }
}

/// Writes once some changes have come together, if they are still counted then.
pub(super) async fn write_soon(file: Weak<QuotaFile>, table: Weak<Table>) {
    tokio::time::sleep(DELAY).await;
    let (Some(file), Some(table)) = (file.upgrade(), table.upgrade()) else { return };
    let written = tokio::task::spawn_blocking(move || file.write(&table)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(%error, "this month's counts could not be written");
    }
}

fn unusable(detail: &'static str) -> Error {
    Error::new(ErrorCode::StoreUnavailable, detail)
}
