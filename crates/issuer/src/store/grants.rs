//! Grants that were used.

use doorkey_core::KeyId;

use super::row::{blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

impl Transaction {
    /// Notes that a grant was used; whether this is the first time. It is forgotten some time after it has expired.
    pub(crate) async fn use_grant(&mut self, key: KeyId, jti_hash: &[u8; 32], expires_at: u64) -> Result<bool, Error> {
        let done = sqlx::query(
            "INSERT INTO used_grants (key_id, jti_hash, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (key_id, jti_hash) DO NOTHING",
        )
        .bind(blob(key))
        .bind(jti_hash.to_vec())
        .bind(to_i64(expires_at))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets grants that have expired, at most `limit` of them; says how many.
    pub(crate) async fn forget_grants(&mut self, now: u64, limit: u32) -> Result<u64, Error> {
        self.forget(
            "DELETE FROM used_grants WHERE (key_id, jti_hash) IN \
             (SELECT key_id, jti_hash FROM used_grants WHERE expires_at < $1 LIMIT $2)",
            now,
            limit,
        )
        .await
    }
}

impl Reader {
    pub(crate) async fn is_grant_used(&mut self, key: KeyId, jti_hash: &[u8; 32]) -> Result<bool, Error> {
        let row = sqlx::query("SELECT expires_at FROM used_grants WHERE key_id = $1 AND jti_hash = $2")
            .bind(blob(key))
            .bind(jti_hash.to_vec())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(row.is_some())
    }
}
