//! Organizations, workspaces, the issuer's own keys and what commands leave for each other.

use doorkey_core::{OrganizationId, Origin, Thumbprint, WorkspaceId};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, Transaction};
use crate::error::Error;

const PUBLIC_URL: &str = "public_url";

/// A customer of the API.
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
    pub(crate) created_at: u64,
}

/// A unit inside an organization.
pub(crate) struct Workspace {
    pub(crate) id: WorkspaceId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    pub(crate) created_at: u64,
}

/// Whom a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) organization: OrganizationId,
    pub(crate) workspace: WorkspaceId,
}

/// One of the issuer's signing keys, its seed still sealed.
pub(crate) struct SigningKeyRecord {
    pub(crate) kid: Thumbprint,
    pub(crate) sealed_seed: Vec<u8>,
    pub(crate) active: bool,
    pub(crate) created_at: u64,
}

impl Transaction {
    pub(crate) async fn insert_organization(&mut self, organization: &Organization) -> Result<(), Error> {
        sqlx::query("INSERT INTO organizations (id, name, created_at) VALUES ($1, $2, $3)")
            .bind(&organization.id.as_bytes()[..])
            .bind(&organization.name)
            .bind(to_i64(organization.created_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn insert_workspace(&mut self, workspace: &Workspace) -> Result<(), Error> {
        sqlx::query("INSERT INTO workspaces (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)")
            .bind(&workspace.id.as_bytes()[..])
            .bind(&workspace.organization.as_bytes()[..])
            .bind(&workspace.name)
            .bind(to_i64(workspace.created_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn insert_signing_key(&mut self, key: &SigningKeyRecord) -> Result<(), Error> {
        sqlx::query("INSERT INTO signing_keys (kid, sealed_seed, state, created_at) VALUES ($1, $2, $3, $4)")
            .bind(&key.kid.as_bytes()[..])
            .bind(&key.sealed_seed)
            .bind(if key.active { "active" } else { "retired" })
            .bind(to_i64(key.created_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// The oldest workspace; `None` before the first start.
    pub(crate) async fn first_workspace(&mut self) -> Result<Option<Tenant>, Error> {
        let row = sqlx::query("SELECT id, organization_id FROM workspaces ORDER BY id LIMIT 1")
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(tenant).transpose()
    }

    /// Leaves the public URL for commands that print publishable keys.
    pub(crate) async fn put_public_url(&mut self, public_url: &Origin) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(PUBLIC_URL)
        .bind(public_url.as_str())
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
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
            let kid = doorkey_core::to_base64url(row.try_get("kid").map_err(Error::store)?);
            Ok(SigningKeyRecord {
                kid: kid.parse().map_err(Error::store)?,
                sealed_seed: row.try_get("sealed_seed").map_err(Error::store)?,
                active: row.try_get::<&str, _>("state").map_err(Error::store)? == "active",
                created_at: to_u64(row.try_get("created_at").map_err(Error::store)?),
            })
        };
        rows.iter().map(record).collect()
    }

    /// The public URL that the issuer last ran with.
    pub async fn public_url(&self) -> Result<Option<Origin>, Error> {
        let text: Option<String> = sqlx::query_scalar("SELECT value FROM settings WHERE name = $1")
            .bind(PUBLIC_URL)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::store)?;
        text.map(|text| text.parse().map_err(Error::store)).transpose()
    }
}

fn tenant(row: &AnyRow) -> Result<Tenant, Error> {
    Ok(Tenant {
        workspace: WorkspaceId::from_bytes(id(row, "id")?),
        organization: OrganizationId::from_bytes(id(row, "organization_id")?),
    })
}

/// A column of 16 bytes.
pub(super) fn id(row: &AnyRow, column: &str) -> Result<[u8; 16], Error> {
    row.try_get::<&[u8], _>(column).map_err(Error::store)?.try_into().map_err(Error::store)
}

/// Databases have no unsigned integers; times and lifetimes fit either way.
pub(super) fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
