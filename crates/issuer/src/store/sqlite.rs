//! SQLite: a file that several processes of one machine may have open at once.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyPool, Executor};
use url::Url;

use crate::error::Error;

/// Takes the right to write at once, so that what a transaction reads stays true.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// How long a writer waits for another process, and a reader for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is not kept in the file: each connection says it anew.
const SESSION: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON;";

pub(super) async fn connect(path: &Path) -> Result<AnyPool, Error> {
    let path = std::path::absolute(path).map_err(Error::store)?;
    let file = Url::from_file_path(path).map_err(|()| Error::store("the path of the database is not absolute"))?;
    let url = format!("sqlite://{}?mode=rw", file.path());
    super::pool()
        .max_connections(8)
        // A file does not hang up; asking each time whether it did would double the cost of a look-up.
        .test_before_acquire(false)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }))
        .connect_with(url.parse::<AnyConnectOptions>().map_err(Error::store)?)
        .await
        .map_err(Error::store)
}

/// Held while a database is put in its place or opened: switching a new file to write-ahead logging must not meet a
/// second process.
pub(super) struct Opening(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

impl Opening {
    /// Waits for every other one on the same database.
    pub(super) fn begin(database: &Path) -> std::io::Result<Self> {
        let lock = private().create(true).truncate(false).open(database.with_extension("lock"))?;
        lock.lock()?;
        Ok(Self(lock))
    }

    /// The same, and the file is there afterwards: empty if it was absent.
    pub(super) async fn create(database: PathBuf) -> Result<Self, Error> {
        let create = move || {
            let opening = Self::begin(&database)?;
            // SQLite would make it readable for everybody whom the folder lets in.
            private().create(true).truncate(false).open(database)?;
            Ok(opening)
        };
        blocking(create).await
    }
}

/// Options for a file that its owner alone can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Runs what waits for files where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::store)?.map_err(Error::store)
}
