//! Which database a registry is kept in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::postgres;
use crate::error::Error;

/// Where a registry is kept: a SQLite file, or a Postgres database that several issuers share.
///
/// `Display` and `Debug` show no user, no password and no parameter.
///
/// ```
/// use doorkey_issuer::Database;
///
/// let file = Database::file("doorkey-data/doorkey.db");
/// let shared: Database = "postgres://doorkey:secret@db.example.com/keys".parse()?;
/// assert_eq!(shared.to_string(), "postgres://db.example.com/keys");
/// # let _ = file;
/// # Ok::<(), doorkey_issuer::Error>(())
/// ```
#[derive(Clone)]
pub struct Database(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    File(PathBuf),
    Postgres(Url),
}

impl Database {
    /// A SQLite file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The SQLite file, if it is one.
    pub fn as_file(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }
}

impl FromStr for Database {
    type Err = Error;

    /// Parses `postgres://[user[:password]@]host[:port]/database[?parameters]`. The host may be a socket's folder, as
    /// `%2Frun%2Fpostgresql` or in the parameter `host`.
    ///
    /// A host that is not this machine is spoken to over TLS, its certificate checked against the system's roots or
    /// `sslrootcert`, unless `sslmode` says otherwise. Fails with `invalid_input`, and repeats nothing of the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        postgres::parse(text).map(Place::Postgres).map(Self)
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => path.display().fmt(f),
            Place::Postgres(url) => {
                write!(f, "postgres://{}", url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}
