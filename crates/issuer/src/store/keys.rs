//! The table of keys.

mod list;
mod record;

pub(crate) use list::{KeyCursor, KeyFilter, KeySort, SortValue};
pub use record::{KeyOwner, KeyRecord, KeyState, Restriction};

use doorkey_core::{KeyId, MemberId, OrganizationId, VerifyingKey, WorkspaceId};
use sqlx::any::AnyRow;

use super::directory::Entity;
use super::row::{Columns, NEVER, blob, brand, join, kind, to_array, to_i64, to_u64};
use super::tenants::Tenant;
use super::{Reader, Transaction};
use crate::error::Error;
use crate::settings::RateLimit;

/// A statement that selects whole keys.
macro_rules! select_keys {
    ($($rest:expr),*) => {
        concat!(
            "SELECT k.id, k.organization_id, k.workspace_id, k.workspaces, k.kind, k.environment, k.brand, k.owner_id, \
             k.name, k.description, k.metadata, k.public_key, k.last_four, k.scopes, k.origins, k.cidrs, \
             k.rate_limit_requests, k.rate_limit_period, k.monthly_quota, k.limits, k.shadow, k.shadow_refusals, \
             k.session_lifetime, k.created_by, k.created_at, k.expires_at, k.rotation_due_at, k.last_used_at, \
             k.disabled_at, k.protected_at, k.revoked_at, k.leaked_at, k.rolled_from, k.rolled_to, k.ends_at, \
             k.ends_on_use, COALESCE(w.archived_at, o.archived_at) AS archived_at, k.revision, k.requires_grant \
             FROM keys k JOIN organizations o ON o.id = k.organization_id \
             LEFT JOIN workspaces w ON w.id = k.workspace_id ",
            $($rest),*
        )
    };
}
pub(super) use select_keys;

impl Reader {
    /// The key with this id, whatever its state.
    pub(crate) async fn key(&mut self, key: KeyId) -> Result<Option<KeyRecord>, Error> {
        let row = sqlx::query(select_keys!("WHERE k.id = $1"))
            .bind(blob(key))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(record).transpose()
    }

    /// Every key, the oldest first.
    pub(crate) async fn all_keys(&mut self) -> Result<Vec<KeyRecord>, Error> {
        let rows =
            sqlx::query(select_keys!("ORDER BY k.id")).fetch_all(self.connection()).await.map_err(Error::store)?;
        rows.iter().map(record).collect()
    }

    /// How many keys of a workspace count against its limit at `now`: those that are revoked, expired or about to be
    /// replaced do not.
    pub(crate) async fn count_keys(&mut self, tenant: Tenant, now: u64) -> Result<u64, Error> {
        let (of, id) = owner_column(tenant);
        let count = sqlx::query_scalar(match of {
            Level::Workspace => {
                "SELECT COUNT(*) FROM keys WHERE workspace_id = $1 AND revoked_at IS NULL AND rolled_to IS NULL \
                 AND expires_at > $2"
            }
            Level::Organization => {
                "SELECT COUNT(*) FROM keys WHERE organization_id = $1 AND workspace_id IS NULL \
                 AND revoked_at IS NULL AND rolled_to IS NULL AND expires_at > $2"
            }
        })
        .bind(id)
        .bind(to_i64(now))
        .fetch_one(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(to_u64(count))
    }

    /// How many service keys of a workspace that are secret, except one, can still be used at a time.
    pub(crate) async fn count_other_secret_keys(
        &mut self,
        workspace: WorkspaceId,
        except: KeyId,
        at: u64,
    ) -> Result<u64, Error> {
        let count = sqlx::query_scalar(
            "SELECT COUNT(*) FROM keys WHERE workspace_id = $1 AND id <> $2 AND kind = 'secret' \
             AND owner_id IS NULL AND revoked_at IS NULL AND disabled_at IS NULL AND ends_at > $3 AND ends_on_use = 0 \
             AND expires_at > $3",
        )
        .bind(blob(workspace))
        .bind(blob(except))
        .bind(to_i64(at))
        .fetch_one(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(to_u64(count))
    }

    /// The keys of a member in an organization that are not revoked.
    pub(crate) async fn personal_keys(&mut self, of: OrganizationId, owner: MemberId) -> Result<Vec<KeyRecord>, Error> {
        let rows = sqlx::query(select_keys!(
            "WHERE k.owner_id = $1 AND k.organization_id = $2 AND k.revoked_at IS NULL ORDER BY k.id"
        ))
        .bind(blob(owner))
        .bind(blob(of))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(record).collect()
    }

    /// Keys whose grace is over and that are not revoked yet.
    pub(crate) async fn keys_to_end(&mut self, now: u64, limit: u32) -> Result<Vec<KeyRecord>, Error> {
        let rows = sqlx::query(select_keys!(
            "WHERE k.revoked_at IS NULL AND k.ends_at < 9223372036854775807 AND k.ends_at <= $1 \
             ORDER BY k.ends_at LIMIT $2"
        ))
        .bind(to_i64(now))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(record).collect()
    }

    /// Keys that have expired and of which the audit does not say so yet.
    pub(crate) async fn keys_to_note_expired(&mut self, now: u64, limit: u32) -> Result<Vec<KeyRecord>, Error> {
        let rows = sqlx::query(select_keys!(
            "WHERE k.expiry_noted = 0 AND k.expires_at < 9223372036854775807 AND k.expires_at <= $1 \
             ORDER BY k.expires_at LIMIT $2"
        ))
        .bind(to_i64(now))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(record).collect()
    }
}

impl Transaction {
    pub(crate) async fn insert_key(&mut self, key: &KeyRecord) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO keys (id, organization_id, workspace_id, kind, environment, public_key, last_four, brand, \
             created_by, created_at, rolled_from, scopes, origins) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '', '')",
        )
        .bind(blob(key.id))
        .bind(blob(key.organization))
        .bind(key.workspace.map(blob))
        .bind(key.kind.as_str())
        .bind(key.environment.as_str())
        .bind(key.public_key.map(|bytes| bytes.to_vec()))
        .bind(key.last_four.clone())
        .bind(
            key.brand.as_ref().map(|brand| brand.as_ref().map_or_else(String::new, |brand| brand.as_str().to_owned())),
        )
        .bind(key.created_by.map(blob))
        .bind(to_i64(key.created_at))
        .bind(key.rolled_from.map(blob))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        self.update_key(key).await
    }

    /// Writes all that may change in a key, its uses and its leak apart.
    pub(crate) async fn update_key(&mut self, key: &KeyRecord) -> Result<(), Error> {
        let folded = key.name.as_deref().unwrap_or_default().to_lowercase();
        sqlx::query(
            "UPDATE keys SET owner_id = $2, name = $3, name_folded = $4, name_order = $5, description = $6, \
             metadata = $7, scopes = $8, origins = $9, cidrs = $10, rate_limit_requests = $11, \
             rate_limit_period = $12, monthly_quota = $13, limits = $14, shadow = $15, session_lifetime = $16, \
             expires_at = $17, rotation_due_at = $18, disabled_at = $19, protected_at = $20, revoked_at = $21, \
             rolled_to = $22, ends_at = $23, ends_on_use = $24, workspaces = $25, revision = $26, requires_grant = $27, \
             expiry_noted = CASE WHEN expires_at = $17 THEN expiry_noted ELSE 0 END WHERE id = $1",
        )
        .bind(blob(key.id))
        .bind(key.owner.member().map(blob))
        .bind(key.name.clone())
        .bind(folded.clone())
        .bind(folded.into_bytes())
        .bind(key.description.clone())
        .bind(serde_json::to_string(&key.metadata).map_err(Error::store)?)
        .bind(key.scopes.to_string())
        .bind(join(key.origins.iter().map(doorkey_core::OriginPattern::as_str)))
        .bind(join(&key.cidrs))
        .bind(key.rate_limit.map(|limit| to_i64(limit.requests())))
        .bind(key.rate_limit.map(|limit| to_i64(limit.period())))
        .bind(key.monthly_quota.map(to_i64))
        .bind(serde_json::to_string(&key.limits).map_err(Error::store)?)
        .bind(join(&key.shadow))
        .bind(key.session_lifetime.map(to_i64))
        .bind(key.expires_at.map_or(NEVER, to_i64))
        .bind(key.rotation_due_at.map(to_i64))
        .bind(key.disabled_at.map(to_i64))
        .bind(key.protected_at.map(to_i64))
        .bind(key.revoked_at.map(to_i64))
        .bind(key.rolled_to.map(blob))
        .bind(key.ends_at.map_or(NEVER, to_i64))
        .bind(i64::from(key.ends_on_use))
        .bind(key.workspaces.as_ref().map(join))
        .bind(to_i64(key.revision))
        .bind(i64::from(key.requires_grant))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        self.note_change(Entity::Key(key.id)).await
    }

    pub(crate) async fn note_key_expired(&mut self, key: KeyId) -> Result<(), Error> {
        sqlx::query("UPDATE keys SET expiry_noted = 1 WHERE id = $1")
            .bind(blob(key))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Notes that a secret key was seen where it must not be; whether there is such a key and this was the first time.
    pub(crate) async fn record_leak(&mut self, key: KeyId, public_key: &VerifyingKey, now: u64) -> Result<bool, Error> {
        let done =
            sqlx::query("UPDATE keys SET leaked_at = $3 WHERE id = $1 AND public_key = $2 AND leaked_at IS NULL")
                .bind(blob(key))
                .bind(public_key.as_bytes().to_vec())
                .bind(to_i64(now))
                .execute(self.connection())
                .await
                .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }

    /// Fills in what names are searched and sorted by, of keys from before there was such a thing.
    pub(crate) async fn fold_old_names(&mut self) -> Result<(), Error> {
        let rows = sqlx::query(select_keys!("WHERE k.name IS NOT NULL AND k.name_folded = ''"))
            .fetch_all(self.connection())
            .await
            .map_err(Error::store)?;
        for row in &rows {
            self.update_key(&record(row)?).await?;
        }
        Ok(())
    }
}

enum Level {
    Workspace,
    Organization,
}

fn owner_column(tenant: Tenant) -> (Level, Vec<u8>) {
    match tenant.workspace {
        Some(workspace) => (Level::Workspace, blob(workspace)),
        None => (Level::Organization, blob(tenant.organization)),
    }
}

pub(super) fn record(row: &AnyRow) -> Result<KeyRecord, Error> {
    let requests = row.optional_number("rate_limit_requests")?;
    let period = row.optional_number("rate_limit_period")?;
    Ok(KeyRecord {
        id: row.id("id")?,
        organization: row.id("organization_id")?,
        workspace: row.optional_id("workspace_id")?,
        workspaces: match row.optional_text("workspaces")? {
            Some(_) => Some(row.list("workspaces")?),
            None => None,
        },
        kind: kind(row)?,
        environment: row.parsed("environment")?,
        brand: brand(row)?,
        owner: row.optional_id("owner_id")?.map_or(KeyOwner::Service, KeyOwner::Personal),
        name: row.optional_text("name")?,
        description: row.optional_text("description")?,
        metadata: row.json("metadata")?,
        public_key: row.optional_bytes("public_key")?.map(|bytes| to_array(&bytes)).transpose()?,
        last_four: row.optional_text("last_four")?,
        scopes: row.parsed("scopes")?,
        origins: row.list("origins")?,
        cidrs: row.list("cidrs")?,
        rate_limit: requests.zip(period).and_then(|(requests, period)| RateLimit::new(requests, period)),
        monthly_quota: row.optional_number("monthly_quota")?,
        limits: row.json("limits")?,
        shadow: row.list("shadow")?.into_iter().collect(),
        shadow_refusals: row.number("shadow_refusals")?,
        session_lifetime: row.optional_number("session_lifetime")?,
        created_by: row.optional_id("created_by")?,
        created_at: row.number("created_at")?,
        expires_at: row.time_unless("expires_at", NEVER)?,
        rotation_due_at: row.optional_number("rotation_due_at")?,
        last_used_at: row.time_unless("last_used_at", 0)?,
        disabled_at: row.optional_number("disabled_at")?,
        protected_at: row.optional_number("protected_at")?,
        revoked_at: row.optional_number("revoked_at")?,
        leaked_at: row.optional_number("leaked_at")?,
        rolled_from: row.optional_id("rolled_from")?,
        rolled_to: row.optional_id("rolled_to")?,
        ends_at: row.time_unless("ends_at", NEVER)?,
        ends_on_use: row.flag("ends_on_use")?,
        archived_at: row.optional_number("archived_at")?,
        revision: row.number("revision")?,
        requires_grant: row.flag("requires_grant")?,
    })
}
