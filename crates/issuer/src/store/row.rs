//! How columns become values. A row that does not is the store's failure, never the caller's.

use std::fmt::Display;
use std::str::FromStr;

use doorkey_core::{Brand, Id, KeyKind};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::error::Error;

/// A time that never comes.
pub(super) const NEVER: i64 = i64::MAX;

pub(super) trait Columns {
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Error>;
    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error>;
    fn text(&self, column: &str) -> Result<&str, Error>;
    fn optional_text(&self, column: &str) -> Result<Option<String>, Error>;
    fn number(&self, column: &str) -> Result<u64, Error>;
    fn optional_number(&self, column: &str) -> Result<Option<u64>, Error>;

    fn array<const N: usize>(&self, column: &str) -> Result<[u8; N], Error> {
        to_array(&self.bytes(column)?)
    }

    fn id<K>(&self, column: &str) -> Result<Id<K>, Error> {
        self.array(column).map(Id::from_bytes)
    }

    fn optional_id<K>(&self, column: &str) -> Result<Option<Id<K>>, Error> {
        self.optional_bytes(column)?.map(|bytes| to_array(&bytes).map(Id::from_bytes)).transpose()
    }

    fn flag(&self, column: &str) -> Result<bool, Error> {
        Ok(self.number(column)? != 0)
    }

    /// A time that may never come, or never came.
    fn time_unless(&self, column: &str, never: i64) -> Result<Option<u64>, Error> {
        let time = self.number(column)?;
        Ok((time != to_u64(never)).then_some(time))
    }

    fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|error: T::Err| broken(column, &error))
    }

    /// Entries with single spaces between them.
    fn list<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Vec<T>, Error> {
        let entries = self.text(column)?.split_terminator(' ');
        entries.map(|entry| entry.parse().map_err(|error: T::Err| broken(column, &error))).collect()
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        serde_json::from_str(self.text(column)?).map_err(Error::store)
    }
}

impl Columns for AnyRow {
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Error> {
        self.try_get(column).map_err(Error::store)
    }

    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error> {
        self.try_get(column).map_err(Error::store)
    }

    fn text(&self, column: &str) -> Result<&str, Error> {
        self.try_get(column).map_err(Error::store)
    }

    fn optional_text(&self, column: &str) -> Result<Option<String>, Error> {
        self.try_get(column).map_err(Error::store)
    }

    fn number(&self, column: &str) -> Result<u64, Error> {
        self.try_get(column).map(to_u64).map_err(Error::store)
    }

    fn optional_number(&self, column: &str) -> Result<Option<u64>, Error> {
        Ok(self.try_get::<Option<i64>, _>(column).map_err(Error::store)?.map(to_u64))
    }
}

/// What a row holds that it cannot hold.
pub(super) fn broken(column: &str, detail: &dyn Display) -> Error {
    Error::store(format!("the column {column} holds what it cannot: {detail}"))
}

/// Entries with single spaces between them.
pub(super) fn join<T: Display>(entries: impl IntoIterator<Item = T>) -> String {
    entries.into_iter().map(|entry| entry.to_string()).collect::<Vec<_>>().join(" ")
}

/// An id as it is bound.
pub(super) fn blob<K>(id: Id<K>) -> Vec<u8> {
    id.as_bytes().to_vec()
}

pub(super) fn to_array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Error> {
    bytes.try_into().map_err(Error::store)
}

/// Databases have no unsigned integers; times and counts fit either way.
pub(super) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Publishable or secret.
pub(super) fn kind(row: &AnyRow) -> Result<KeyKind, Error> {
    Ok(match row.text("kind")? {
        "publishable" => KeyKind::Publishable,
        _ => KeyKind::Secret,
    })
}

/// What stands in front of a key, where that is known.
pub(super) fn brand(row: &AnyRow) -> Result<Option<Option<Brand>>, Error> {
    match row.optional_text("brand")?.as_deref() {
        None => Ok(None),
        Some("") => Ok(Some(None)),
        Some(brand) => Ok(Some(Some(brand.parse().map_err(|error| broken("brand", &error))?))),
    }
}
