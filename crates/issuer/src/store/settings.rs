//! The issuer's own keys, and what its processes leave for each other.

use doorkey_core::{Origin, Thumbprint};
use sqlx::any::AnyRow;

use super::row::{Columns, to_i64};
use super::{Reader, Store, Transaction};
use crate::error::Error;

const PUBLIC_URL: &str = "public_url";

/// One of the issuer's signing keys, its seed still sealed.
pub(crate) struct SigningKeyRecord {
    pub(crate) kid: Thumbprint,
    pub(crate) sealed_seed: Vec<u8>,
    pub(crate) active: bool,
    pub(crate) created_at: u64,
}

impl Transaction {
    pub(crate) async fn insert_signing_key(&mut self, key: &SigningKeyRecord) -> Result<(), Error> {
        sqlx::query("INSERT INTO signing_keys (kid, sealed_seed, state, created_at) VALUES ($1, $2, $3, $4)")
            .bind(key.kid.as_bytes().to_vec())
            .bind(key.sealed_seed.clone())
            .bind(if key.active { "active" } else { "retired" })
            .bind(to_i64(key.created_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Leaves the public URL for commands that print publishable keys.
    pub(crate) async fn put_public_url(&mut self, public_url: &Origin) -> Result<(), Error> {
        self.put_setting(PUBLIC_URL, public_url.as_str()).await
    }

    pub(crate) async fn put_setting(&mut self, name: &'static str, value: &str) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value.to_owned())
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }
}

impl Reader {
    pub(crate) async fn setting(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)
    }
}

impl Store {
    /// The issuer's signing keys, the newest first.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<SigningKeyRecord>, Error> {
        let rows =
            sqlx::query("SELECT kid, sealed_seed, state, created_at FROM signing_keys ORDER BY created_at DESC, kid")
                .fetch_all(&self.pool)
                .await
                .map_err(Error::store)?;
        let record = |row: &AnyRow| {
            Ok(SigningKeyRecord {
                kid: doorkey_core::to_base64url(&row.bytes("kid")?).parse().map_err(Error::store)?,
                sealed_seed: row.bytes("sealed_seed")?,
                active: row.text("state")? == "active",
                created_at: row.number("created_at")?,
            })
        };
        rows.iter().map(record).collect()
    }

    /// The public URL that the issuer last ran with.
    pub async fn public_url(&self) -> Result<Option<Origin>, Error> {
        let text = self.read().await?.setting(PUBLIC_URL).await?;
        text.map(|text| text.parse().map_err(Error::store)).transpose()
    }
}
