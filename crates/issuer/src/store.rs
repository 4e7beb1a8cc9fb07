//! The database. The only module that knows SQL.
//!
//! Statements are written once, in what SQLite and Postgres have in common: `$1` for parameters, no upserts beyond
//! `ON CONFLICT`, no types of either alone.

mod keys;
mod schema;
mod tenants;

pub use keys::KeyRecord;
pub(crate) use tenants::{Organization, SigningKeyRecord, Tenant, Workspace};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::ErrorCode;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::Error;

/// How long a writer waits for another one, in this process or in another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The registry's database: a SQLite file that several processes may have open at once.
///
/// What a finished call wrote is on the disk: neither `kill -9` nor a power cut takes it back.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    /// Writers of this process queue here, in order, so that at most one connection waits for other processes.
    writer: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the database file, creates it when it is absent (readable by its owner alone) and brings its schema up to
    /// date. However many processes do this at once, each finds a complete schema.
    ///
    /// Fails with `store_unavailable` and the cause.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let opening = Opening::begin(path.clone()).await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY_TIMEOUT)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            // A file does not hang up; asking each time whether it did would double the cost of a look-up.
            .test_before_acquire(false)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(Error::store)?;
        let store = Self { pool, writer: Arc::default() };
        let mut transaction = store.begin().await?;
        schema::migrate(transaction.connection()).await?;
        transaction.commit().await?;
        drop(opening);
        Ok(store)
    }

    /// Opens a database that is there already; fails with `not_found` where none is.
    pub async fn open_existing(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(Error::new(ErrorCode::NotFound, "there is no Doorkey database yet"));
        }
        Self::open(path).await
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1 FROM settings LIMIT 1").fetch_optional(&self.pool).await.map_err(Error::store)?;
        Ok(())
    }

    /// Begins a transaction that writes. It waits for every other one first, so that what it reads stays true.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let inner = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(Error::store)?;
        Ok(Transaction { inner, turn })
    }

    /// Closes every connection; the write-ahead log is folded into the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Changes that happen together or, when it is dropped, not at all.
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Sqlite>,
    turn: OwnedMutexGuard<()>,
}

impl Transaction {
    /// Makes the changes last.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.inner.commit().await.map_err(Error::store)?;
        drop(self.turn);
        Ok(())
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}

/// Held while a database is opened: switching a new file to write-ahead logging must not meet a second process.
struct Opening(#[expect(dead_code, reason = "the lock ends when the file is closed")] std::fs::File);

impl Opening {
    async fn begin(path: PathBuf) -> Result<Self, Error> {
        let begin = move || {
            let mut options = std::fs::OpenOptions::new();
            options.create(true).truncate(false).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let lock = options.open(path.with_extension("lock"))?;
            lock.lock()?;
            // SQLite would make it readable for everybody whom the folder lets in.
            options.open(path)?;
            Ok(Self(lock))
        };
        let opened: std::io::Result<Self> = tokio::task::spawn_blocking(begin).await.map_err(Error::store)?;
        opened.map_err(Error::store)
    }
}

#[cfg(test)]
mod tests {
    use super::Store;

    #[tokio::test]
    async fn what_is_written_is_on_the_disk() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store::open(folder.path().join("doorkey.db")).await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.pool).await.unwrap();
        let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&store.pool).await.unwrap();
        assert_eq!((&*journal, synchronous, foreign_keys), ("wal", 2, 1));
    }

    #[tokio::test]
    async fn a_store_of_a_newer_version_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("doorkey.db");
        let store = Store::open(&path).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET version = 999").execute(&store.pool).await.unwrap();
        let error = Store::open(&path).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("999"));
    }
}
