//! The database. The only module that knows SQL.
//!
//! Statements are written once, in what SQLite and Postgres have in common: `$1` for parameters, `BYTEA`, `BIGINT` and
//! `TEXT` for columns, no upserts beyond `ON CONFLICT`, and nothing that depends on how a database sorts text.

// In the order of use.
mod sqlite;
mod postgres;
mod database;

mod schema;
mod row;

mod settings;
mod directory;
mod changes;
mod audit;
mod idempotency;
mod tenants;
mod roles;
mod memberships;
mod people;
mod sign_ins;
mod sign_in_failures;
mod links;
mod invitations;
mod keys;
mod verifiers;
mod usage;
mod grants;
mod backup;

pub(crate) use audit::{AuditFilter, AuditId, AuditOrder, StoredEvent};
pub use database::Database;
pub(crate) use directory::{Changed, DirectoryChange, Head};
pub(crate) use invitations::Invitation;
pub(crate) use keys::{KeyCursor, KeyFilter, KeySort, SortValue};
pub use keys::{KeyOwner, KeyRecord, KeyState, Restriction};
pub(crate) use links::LinkPurpose;
pub(crate) use memberships::{Membership, OwnMembership, WorkspaceMembership};
pub(crate) use people::{Credentials, Person};
pub(crate) use roles::Role;
pub(crate) use settings::SigningKeyRecord;
pub(crate) use sign_in_failures::Failures;
pub(crate) use sign_ins::SignIn;
pub(crate) use tenants::{Organization, Tenant, Workspace};
pub(crate) use usage::{Counter, LastUse, UsageRow};
pub use verifiers::VerifierRecord;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use doorkey_core::ErrorCode;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use self::database::Place;
use crate::error::Error;

/// The registry's database, which several processes may have open at once.
///
/// What a finished call wrote is on the disk: neither `kill -9` nor a power cut takes it back, as long as Postgres, if
/// it is one, has not been told to do without (`fsync`, `synchronous_commit`).
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    /// How a transaction that writes begins, and what it does before anything else.
    begin: (&'static str, Option<&'static str>),
    /// Writers of this process queue here, in order, so that at most one connection waits for other processes.
    writer: Arc<Mutex<()>>,
    /// Counts the changes that verifiers go by.
    changed: watch::Sender<u64>,
    marks: Arc<Marks>,
    database: Arc<Database>,
}

/// Numbers that nobody else draws, but by chance: one at random, and those that follow it.
#[derive(Debug, Default)]
struct Marks(AtomicU64);

impl Marks {
    /// The next one, of 63 bits.
    fn next(&self) -> u64 {
        self.0.fetch_add(2, Ordering::Relaxed) >> 1
    }
}

impl Store {
    /// Opens the database and brings its schema up to date; a file is created when it is absent, readable by its owner
    /// alone. However many processes do this at once, each finds a complete schema.
    ///
    /// Fails with `store_unavailable` and the cause.
    pub async fn open(database: &Database) -> Result<Self, Error> {
        let opening = match &database.0 {
            Place::File(path) => Some(sqlite::Opening::create(path.clone()).await?),
            Place::Postgres(_) => None,
        };
        let store = Self::connect(database).await?;
        store.migrate().await?;
        drop(opening);
        Ok(store)
    }

    /// Opens a database that is in use already; fails with `not_found` where none is.
    pub async fn open_existing(database: &Database) -> Result<Self, Error> {
        let is_there = match &database.0 {
            Place::File(path) => path.exists(),
            Place::Postgres(_) => schema::exists(&Self::connect(database).await?.pool).await?,
        };
        if is_there {
            Self::open(database).await
        } else {
            Err(Error::new(ErrorCode::NotFound, "there is no Doorkey database yet"))
        }
    }

    async fn connect(database: &Database) -> Result<Self, Error> {
        let (pool, begin) = match &database.0 {
            Place::File(path) => (sqlite::connect(path).await?, (sqlite::BEGIN, None)),
            Place::Postgres(url) => (postgres::connect(url).await?, (postgres::BEGIN, Some(postgres::QUEUE))),
        };
        Ok(Self {
            pool,
            begin,
            writer: Arc::default(),
            changed: watch::Sender::default(),
            marks: Arc::default(),
            database: Arc::new(database.clone()),
        })
    }

    /// Draws what marks this process's changes as its own. Each process does this once at least, before it commits.
    pub(crate) fn stir_marks(&self, random: [u8; 8]) {
        self.marks.0.fetch_add(u64::from_be_bytes(random), Ordering::Relaxed);
    }

    async fn migrate(&self) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        schema::migrate(transaction.connection()).await?;
        transaction.commit().await
    }

    /// Whether nothing was ever kept here: the next [`Issuer::open`](crate::Issuer::open) is the first.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        let key = sqlx::query("SELECT kid FROM signing_keys LIMIT 1").fetch_optional(&self.pool).await;
        Ok(key.map_err(Error::store)?.is_none())
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT name FROM settings LIMIT 1").fetch_optional(&self.pool).await.map_err(Error::store)?;
        Ok(())
    }

    /// Reads, without waiting for who writes.
    pub(crate) async fn read(&self) -> Result<Reader, Error> {
        self.pool.acquire().await.map(Held::Connection).map(Reader).map_err(Error::store)
    }

    /// Begins a transaction that writes. It waits for every other one first, so that what it reads stays true.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        let turn = Arc::clone(&self.writer).lock_owned().await;
        let (pool, changed, marks) = (self.pool.clone(), self.changed.clone(), Arc::clone(&self.marks));
        let (begin, queue) = self.begin;
        let announce = self.database.as_file().is_none().then_some(changes::ANNOUNCE);
        let begin = async move {
            let mut inner = pool.begin_with(begin).await.map_err(Error::store)?;
            if let Some(queue) = queue {
                sqlx::raw_sql(queue).execute(&mut *inner).await.map_err(Error::store)?;
            }
            let reader = Reader(Held::Transaction(inner));
            Ok(Transaction { reader, turn, changed, marks, announce, changes_directory: false })
        };
        // In a task of its own, which goes on when the caller goes away: the pool would take a connection back in the
        // middle of its BEGIN, which Postgres then finishes, and nobody would end that transaction.
        tokio::spawn(begin).await.map_err(Error::store)?
    }

    /// Closes every connection; the write-ahead log of a file is folded into it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Options for a pool of either kind.
fn pool() -> AnyPoolOptions {
    sqlx::any::install_default_drivers();
    AnyPoolOptions::new()
}

/// A connection to read with: one of the pool, or a transaction's own.
pub(crate) struct Reader(Held);

enum Held {
    Connection(PoolConnection<Any>),
    Transaction(sqlx::Transaction<'static, Any>),
}

impl Reader {
    fn connection(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            Held::Connection(connection) => connection,
            Held::Transaction(transaction) => transaction,
        }
    }
}

/// Changes that happen together or, when it is dropped, not at all. What it reads stays true until it ends.
pub(crate) struct Transaction {
    reader: Reader,
    turn: OwnedMutexGuard<()>,
    changed: watch::Sender<u64>,
    marks: Arc<Marks>,
    /// How other processes hear of a change.
    announce: Option<&'static str>,
    /// Whether verifiers have to hear of it.
    changes_directory: bool,
}

impl Transaction {
    /// Makes the changes last.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        if self.changes_directory {
            self.mark_place().await?;
        }
        if let Some(announce) = self.announce.filter(|_| self.changes_directory) {
            sqlx::raw_sql(announce).execute(self.connection()).await.map_err(Error::store)?;
        }
        if let Held::Transaction(transaction) = self.reader.0 {
            transaction.commit().await.map_err(Error::store)?;
        }
        if self.changes_directory {
            self.changed.send_modify(|count| *count += 1);
        }
        drop(self.turn);
        Ok(())
    }

    /// Takes the changes back, before the next writer has its turn.
    pub(crate) async fn roll_back(self) -> Result<(), Error> {
        if let Held::Transaction(transaction) = self.reader.0 {
            transaction.rollback().await.map_err(Error::store)?;
        }
        drop(self.turn);
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Reader {
        &mut self.reader
    }
}

#[cfg(test)]
mod tests;
