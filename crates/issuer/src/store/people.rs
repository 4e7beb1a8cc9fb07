//! People and their sealed passwords.

use doorkey_core::MemberId;
use sqlx::any::AnyRow;

use super::row::{Columns, blob, to_i64, to_u64};
use super::{Reader, Transaction};
use crate::error::Error;

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: MemberId,
    /// In lower case.
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) is_operator: bool,
    pub(crate) created_at: u64,
    pub(crate) revision: u64,
}

/// Somebody, with what a password is checked against.
pub(crate) struct Credentials {
    pub(crate) person: Person,
    pub(crate) sealed_password: Vec<u8>,
}

impl Transaction {
    pub(crate) async fn insert_person(&mut self, person: &Person, sealed_password: &[u8]) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO people (id, email, name, sealed_password, is_operator, created_at, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(blob(person.id))
        .bind(person.email.clone())
        .bind(person.name.clone())
        .bind(sealed_password.to_vec())
        .bind(i64::from(person.is_operator))
        .bind(to_i64(person.created_at))
        .bind(to_i64(person.revision))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Writes the name and counts the revision up.
    pub(crate) async fn update_person(&mut self, person: MemberId, name: &str) -> Result<(), Error> {
        sqlx::query("UPDATE people SET name = $2, revision = revision + 1 WHERE id = $1")
            .bind(blob(person))
            .bind(name.to_owned())
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn update_password(&mut self, person: MemberId, sealed_password: &[u8]) -> Result<(), Error> {
        sqlx::query("UPDATE people SET sealed_password = $2, revision = revision + 1 WHERE id = $1")
            .bind(blob(person))
            .bind(sealed_password.to_vec())
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }
}

impl Reader {
    /// Whether there is anybody.
    pub(crate) async fn has_people(&mut self) -> Result<bool, Error> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM (SELECT id FROM people LIMIT 1) AS first")
            .fetch_one(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(to_u64(count) > 0)
    }

    pub(crate) async fn person(&mut self, id: MemberId) -> Result<Option<Person>, Error> {
        let row = sqlx::query("SELECT id, email, name, is_operator, created_at, revision FROM people WHERE id = $1")
            .bind(blob(id))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(person).transpose()
    }

    /// Whoever has the address, which is in lower case.
    pub(crate) async fn credentials(&mut self, email: &str) -> Result<Option<Credentials>, Error> {
        let row = sqlx::query(
            "SELECT id, email, name, is_operator, created_at, revision, sealed_password FROM people WHERE email = $1",
        )
        .bind(email.to_owned())
        .fetch_optional(self.connection())
        .await
        .map_err(Error::store)?;
        row.map(|row| Ok(Credentials { person: person(&row)?, sealed_password: row.bytes("sealed_password")? }))
            .transpose()
    }
}

pub(super) fn person(row: &AnyRow) -> Result<Person, Error> {
    Ok(Person {
        id: row.id("id")?,
        email: row.text("email")?.to_owned(),
        name: row.text("name")?.to_owned(),
        is_operator: row.flag("is_operator")?,
        created_at: row.number("created_at")?,
        revision: row.number("revision")?,
    })
}
