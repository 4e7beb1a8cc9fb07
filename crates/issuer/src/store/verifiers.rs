//! Who may follow the directory.

use doorkey_core::VerifierId;
use sqlx::any::AnyRow;

use super::directory::Entity;
use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// A verifier, without what it signs in with. Times are in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierRecord {
    /// The verifier.
    pub id: VerifierId,
    /// What it is called.
    pub name: String,
    /// The public half of its credential.
    pub public_key: [u8; 32],
    /// When it was added.
    pub created_at: u64,
    /// Since when it may do nothing any more.
    pub revoked_at: Option<u64>,
    /// When it was last here, within a minute.
    pub last_seen_at: Option<u64>,
}

impl Transaction {
    pub(crate) async fn insert_verifier(&mut self, verifier: &VerifierRecord) -> Result<(), Error> {
        sqlx::query("INSERT INTO verifiers (id, name, public_key, created_at) VALUES ($1, $2, $3, $4)")
            .bind(blob(verifier.id))
            .bind(verifier.name.clone())
            .bind(verifier.public_key.to_vec())
            .bind(to_i64(verifier.created_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        self.note_change(Entity::Verifier(verifier.id)).await
    }

    pub(crate) async fn revoke_verifier(&mut self, verifier: VerifierId, now: u64) -> Result<(), Error> {
        sqlx::query("UPDATE verifiers SET revoked_at = $2 WHERE id = $1")
            .bind(blob(verifier))
            .bind(to_i64(now))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        self.note_change(Entity::Verifier(verifier)).await
    }

    pub(crate) async fn note_verifier_seen(&mut self, verifier: VerifierId, at: u64) -> Result<(), Error> {
        sqlx::query("UPDATE verifiers SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2")
            .bind(blob(verifier))
            .bind(to_i64(at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }
}

impl Reader {
    pub(crate) async fn verifier(&mut self, id: VerifierId) -> Result<Option<VerifierRecord>, Error> {
        let row = sqlx::query(
            "SELECT id, name, public_key, created_at, revoked_at, last_seen_at FROM verifiers WHERE id = $1",
        )
        .bind(blob(id))
        .fetch_optional(self.connection())
        .await
        .map_err(Error::store)?;
        row.as_ref().map(record).transpose()
    }

    /// Every verifier, the oldest first.
    pub(crate) async fn verifiers(&mut self) -> Result<Vec<VerifierRecord>, Error> {
        let rows =
            sqlx::query("SELECT id, name, public_key, created_at, revoked_at, last_seen_at FROM verifiers ORDER BY id")
                .fetch_all(self.connection())
                .await
                .map_err(Error::store)?;
        rows.iter().map(record).collect()
    }
}

fn record(row: &AnyRow) -> Result<VerifierRecord, Error> {
    Ok(VerifierRecord {
        id: row.id("id")?,
        name: row.text("name")?.to_owned(),
        public_key: row.array("public_key")?,
        created_at: row.number("created_at")?,
        revoked_at: row.optional_number("revoked_at")?,
        last_seen_at: row.time_unless("last_seen_at", 0)?,
    })
}
