//! What creates came to, for a day.

use doorkey_core::MemberId;

use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// What a create came to.
pub(crate) struct IdempotencyRecord {
    /// SHA-256 of the request.
    pub(crate) fingerprint: [u8; 32],
    /// The id of what was made.
    pub(crate) resource: [u8; 16],
}

impl Reader {
    pub(crate) async fn idempotency_key(
        &mut self,
        person: MemberId,
        key_hash: &[u8; 32],
    ) -> Result<Option<IdempotencyRecord>, Error> {
        let row =
            sqlx::query("SELECT fingerprint, resource_id FROM idempotency_keys WHERE person_id = $1 AND key_hash = $2")
                .bind(blob(person))
                .bind(key_hash.to_vec())
                .fetch_optional(self.connection())
                .await
                .map_err(Error::store)?;
        row.map(|row| {
            Ok(IdempotencyRecord { fingerprint: row.array("fingerprint")?, resource: row.array("resource_id")? })
        })
        .transpose()
    }
}

impl Transaction {
    pub(crate) async fn insert_idempotency_key(
        &mut self,
        person: MemberId,
        key_hash: &[u8; 32],
        fingerprint: &[u8; 32],
        resource: &[u8; 16],
        now: u64,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO idempotency_keys (person_id, key_hash, fingerprint, resource_id, created_at) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(blob(person))
        .bind(key_hash.to_vec())
        .bind(fingerprint.to_vec())
        .bind(resource.to_vec())
        .bind(to_i64(now))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Forgets those from before a time.
    pub(crate) async fn forget_idempotency_keys(&mut self, before: u64) -> Result<(), Error> {
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
            .bind(to_i64(before))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }
}
