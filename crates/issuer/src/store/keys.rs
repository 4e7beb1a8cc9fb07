//! The table of keys.

use std::str::FromStr;

use doorkey_core::{Environment, KeyId, KeyKind, OrganizationId, OriginPattern, ScopeSet, VerifyingKey, WorkspaceId};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::tenants::{Tenant, id, to_i64, to_u64};
use super::{Store, Transaction};
use crate::error::Error;

/// What the issuer knows of a key: everything but what could sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The workspace that it belongs to, unless it belongs to the organization itself.
    pub workspace: Option<WorkspaceId>,
    /// Publishable or secret.
    pub kind: KeyKind,
    /// Live or test.
    pub environment: Environment,
    /// What its owner calls it.
    pub name: Option<String>,
    /// The public half of a secret key.
    pub public_key: Option<[u8; VerifyingKey::LEN]>,
    /// The last four characters of a secret key's string.
    pub last_four: Option<String>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The origins whose pages may use it; empty for a secret key.
    pub origins: Vec<OriginPattern>,
    /// How long its sessions' tokens live, in seconds, where that differs from the issuer's setting.
    pub session_lifetime: Option<u64>,
    /// When it was created, in Unix seconds.
    pub created_at: u64,
    /// From when on it is revoked, in Unix seconds.
    pub revoked_at: Option<u64>,
    /// When it was first seen where a secret key must not be, in Unix seconds.
    pub leaked_at: Option<u64>,
}

impl KeyRecord {
    /// Whether the key can be used.
    pub fn is_active(&self) -> bool {
        self.revoked_at.is_none()
    }
}

/// A statement that selects whole keys.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization_id, workspace_id, kind, environment, name, public_key, last_four, scopes, \
             origins, session_lifetime, created_at, revoked_at, leaked_at FROM keys ",
            $rest
        )
    };
}

impl Store {
    /// The key with this id, revoked or not.
    pub(crate) async fn key(&self, key: KeyId) -> Result<Option<KeyRecord>, Error> {
        let row = sqlx::query(select_keys!("WHERE id = $1"))
            .bind(key.as_bytes().to_vec())
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::store)?;
        row.as_ref().map(record).transpose()
    }

    /// Every key, the oldest first.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyRecord>, Error> {
        let rows = sqlx::query(select_keys!("ORDER BY id")).fetch_all(&self.pool).await.map_err(Error::store)?;
        rows.iter().map(record).collect()
    }
}

impl Transaction {
    pub(crate) async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO keys (id, organization_id, workspace_id, kind, environment, name, public_key, last_four, \
             scopes, origins, session_lifetime, created_at, revoked_at, leaked_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(key.id.as_bytes().to_vec())
        .bind(key.organization.as_bytes().to_vec())
        .bind(key.workspace.map(|workspace| workspace.as_bytes().to_vec()))
        .bind(kind_name(key.kind))
        .bind(key.environment.as_str())
        .bind(&key.name)
        .bind(key.public_key.map(|bytes| bytes.to_vec()))
        .bind(&key.last_four)
        .bind(key.scopes.to_string())
        .bind(join(&key.origins))
        .bind(key.session_lifetime.map(to_i64))
        .bind(to_i64(key.created_at))
        .bind(key.revoked_at.map(to_i64))
        .bind(key.leaked_at.map(to_i64))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// The key with this id, revoked or not.
    pub(crate) async fn key(&mut self, key: KeyId) -> Result<Option<KeyRecord>, Error> {
        let row = sqlx::query(select_keys!("WHERE id = $1"))
            .bind(key.as_bytes().to_vec())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(record).transpose()
    }

    /// How many keys of a workspace are active, of one kind or of both.
    pub(crate) async fn count_active_keys(&mut self, tenant: Tenant, kind: Option<KeyKind>) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM keys WHERE workspace_id = $1 AND revoked_at IS NULL AND ($2 = '' OR kind = $2)",
        )
        .bind(tenant.workspace.as_bytes().to_vec())
        .bind(kind.map_or("", kind_name))
        .fetch_one(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(to_u64(count))
    }

    pub(crate) async fn revoke_key(&mut self, key: KeyId, now: u64) -> Result<(), Error> {
        sqlx::query("UPDATE keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(key.as_bytes().to_vec())
            .bind(to_i64(now))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Notes that a secret key was seen where it must not be; whether there is such a key and this was the first time.
    pub(crate) async fn record_leak(&mut self, key: KeyId, public_key: &VerifyingKey, now: u64) -> Result<bool, Error> {
        let done =
            sqlx::query("UPDATE keys SET leaked_at = $3 WHERE id = $1 AND public_key = $2 AND leaked_at IS NULL")
                .bind(key.as_bytes().to_vec())
                .bind(public_key.as_bytes().to_vec())
                .bind(to_i64(now))
                .execute(self.connection())
                .await
                .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }
}

fn kind_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Publishable => "publishable",
        KeyKind::Secret => "secret",
    }
}

fn join(origins: &[OriginPattern]) -> String {
    origins.iter().map(OriginPattern::as_str).collect::<Vec<_>>().join(" ")
}

fn record(row: &AnyRow) -> Result<KeyRecord, Error> {
    let workspace: Option<&[u8]> = row.try_get("workspace_id").map_err(Error::store)?;
    let public_key: Option<&[u8]> = row.try_get("public_key").map_err(Error::store)?;
    let optional_time =
        |column| Ok::<_, Error>(row.try_get::<Option<i64>, _>(column).map_err(Error::store)?.map(to_u64));
    Ok(KeyRecord {
        id: KeyId::from_bytes(id(row, "id")?),
        organization: OrganizationId::from_bytes(id(row, "organization_id")?),
        workspace: workspace
            .map(|bytes| bytes.try_into().map(WorkspaceId::from_bytes))
            .transpose()
            .map_err(Error::store)?,
        kind: match row.try_get("kind").map_err(Error::store)? {
            "publishable" => KeyKind::Publishable,
            _ => KeyKind::Secret,
        },
        environment: parsed(row, "environment")?,
        name: row.try_get("name").map_err(Error::store)?,
        public_key: public_key.map(TryInto::try_into).transpose().map_err(Error::store)?,
        last_four: row.try_get("last_four").map_err(Error::store)?,
        scopes: parsed(row, "scopes")?,
        origins: row
            .try_get::<&str, _>("origins")
            .map_err(Error::store)?
            .split_terminator(' ')
            .map(|origin| origin.parse().map_err(Error::store))
            .collect::<Result<_, _>>()?,
        session_lifetime: optional_time("session_lifetime")?,
        created_at: to_u64(row.try_get("created_at").map_err(Error::store)?),
        revoked_at: optional_time("revoked_at")?,
        leaked_at: optional_time("leaked_at")?,
    })
}

fn parsed<T: FromStr<Err = doorkey_core::Error>>(row: &AnyRow, column: &str) -> Result<T, Error> {
    row.try_get::<&str, _>(column).map_err(Error::store)?.parse().map_err(Error::store)
}
