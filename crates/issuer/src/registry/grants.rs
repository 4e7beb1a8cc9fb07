//! Grants count once.

use doorkey_core::{ErrorCode, GrantClaims, Verified, sha256};

use super::Registry;
use crate::error::Error;
use crate::store::KeyRecord;

impl Registry {
    /// Uses a grant up. Of two calls with the same one, at whatever issuers, exactly one succeeds.
    ///
    /// Fails with `grant_used`.
    pub(crate) async fn use_grant(&self, signer: &KeyRecord, claims: &Verified<GrantClaims>) -> Result<(), Error> {
        let used = || Error::new(ErrorCode::GrantUsed, "this grant was used before");
        let jti_hash = sha256(claims.jti.as_bytes());
        // Looked up first: who sends the same one again and again must not hold the one lock for writing.
        if self.store.read().await?.is_grant_used(signer.id, &jti_hash).await? {
            return Err(used());
        }
        // In a transaction of its own: whatever comes of the mint, it stays used.
        let mut transaction = self.store.begin().await?;
        let is_first = transaction.use_grant(signer.id, &jti_hash, claims.exp).await?;
        transaction.commit().await?;
        if is_first { Ok(()) } else { Err(used()) }
    }
}
