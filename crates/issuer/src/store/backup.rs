//! Copies of a SQLite database, taken while others write, and put back in place.

use std::fs::{File, OpenOptions};
use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use doorkey_core::ErrorCode;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::directory::HISTORY;
use super::sqlite::{Opening, blocking, private};
use super::{Store, schema};
use crate::error::Error;

impl Store {
    /// Copies the SQLite file `database` to `backup`, a file that its owner alone can read, while others read and
    /// write: the copy is of one moment, whole, checked, and on the disk before its name is.
    ///
    /// Fails with `not_found` without a database, with `conflict` if `backup` is there already, with `invalid_input`
    /// for a database that is damaged or of a newer version, and with `store_unavailable`.
    pub async fn back_up(database: &Path, backup: &Path) -> Result<(), Error> {
        if !database.exists() {
            return Err(Error::new(ErrorCode::NotFound, "there is no Doorkey database yet"));
        }
        let draft = Draft::create(backup).await?;
        let mut connection = open(database, false).await.map_err(Error::store)?;
        // SQLite writes into an empty file as into one that is absent.
        let path = draft.path.to_str().ok_or_else(|| Error::store("the path of the backup is not UTF-8"))?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&mut connection).await.map_err(Error::store)?;
        connection.close().await.map_err(Error::store)?;
        check(&draft.path).await?;
        draft.publish(backup).await
    }

    /// Puts the copy `backup` in place as the SQLite file `database`, all of it or nothing, once it is found to be
    /// sound and of a known version. The copy stays as it is. What was put in place goes on in a history of its own:
    /// whoever follows the directory starts anew.
    ///
    /// Fails with `conflict` if there is a database already, or what one left behind, with `invalid_input` for a file
    /// that is no sound backup, and with `store_unavailable`.
    pub async fn restore(backup: &Path, database: &Path) -> Result<(), Error> {
        let lock = database.to_owned();
        let opening = blocking(move || Opening::begin(&lock)).await?;
        // An old log beside it would be folded into the new database.
        for suffix in ["", "-wal", "-shm", "-journal"] {
            if beside(database, suffix).exists() {
                return Err(taken());
            }
        }
        let draft = Draft::create(database).await?;
        let (from, to) = (backup.to_owned(), draft.path.clone());
        blocking(move || std::io::copy(&mut File::open(from)?, &mut private().open(to)?)).await?;
        check(&draft.path).await?;
        forget_history(&draft.path).await.map_err(Error::store)?;
        draft.publish(database).await?;
        drop(opening);
        Ok(())
    }
}

/// A file in the making, beside the place where it will be; removed unless it gets there.
struct Draft {
    path: PathBuf,
}

impl Draft {
    async fn create(target: &Path) -> Result<Self, Error> {
        if target.exists() {
            return Err(taken());
        }
        let path = beside(target, ".part");
        let file = path.clone();
        let made = move || match private().create_new(true).open(file) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            made => made.map(|_| true),
        };
        if blocking(made).await? {
            return Ok(Self { path });
        }
        let path = path.display();
        Err(Error::new(ErrorCode::Conflict, format!("{path} is being written, or was left by a copy that broke off")))
    }

    /// Writes all of it to the disk and gives it its name, unless something has that name by now.
    async fn publish(self, target: &Path) -> Result<(), Error> {
        let target = target.to_owned();
        let publish = move || {
            OpenOptions::new().write(true).open(&self.path)?.sync_all()?;
            match std::fs::hard_link(&self.path, &target) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
                linked => linked?,
            }
            drop(self);
            #[cfg(unix)]
            File::open(folder(&target))?.sync_all()?;
            Ok::<_, IoError>(true)
        };
        if blocking(publish).await? { Ok(()) } else { Err(taken()) }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// The path with something behind its name.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

#[cfg(unix)]
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn taken() -> Error {
    Error::new(ErrorCode::Conflict, "something is there already, and it is never written over")
}

/// Opens a file that is there; `still` for one that nobody else has open, of which nothing is to change.
async fn open(file: &Path, still: bool) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new().filename(file).read_only(still).immutable(still).connect().await
}

/// Takes the history's name away: the next issuer makes another one.
async fn forget_history(copy: &Path) -> sqlx::Result<()> {
    let mut connection = open(copy, false).await?;
    sqlx::query("DELETE FROM settings WHERE name = $1").bind(HISTORY).execute(&mut connection).await?;
    connection.close().await
}

/// Whether a copy is sound, inside and by the rules of its tables, and of a version that is known.
async fn check(copy: &Path) -> Result<(), Error> {
    let unsound = |cause: sqlx::Error| {
        Error::new(ErrorCode::InvalidInput, "this is no sound copy of a Doorkey database").with_source(cause)
    };
    let mut connection = open(copy, true).await.map_err(unsound)?;
    let found: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await.map_err(unsound)?;
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut connection).await.map_err(unsound)?;
    if found != "ok" || dangling.is_some() {
        return Err(unsound(sqlx::Error::Protocol(found)));
    }
    schema::check(&mut connection).await?;
    connection.close().await.map_err(Error::store)
}
