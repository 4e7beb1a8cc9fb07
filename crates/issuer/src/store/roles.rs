//! Custom roles.

use doorkey_core::{OrganizationId, RoleId, ScopeSet};
use sqlx::any::AnyRow;

use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// A role of an organization's own.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: RoleId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Scopes of the catalogue, and permissions.
    pub(crate) scopes: ScopeSet,
    pub(crate) created_at: u64,
    pub(crate) revision: u64,
}

/// A statement that selects whole roles.
macro_rules! select_roles {
    ($rest:literal) => {
        concat!("SELECT id, organization_id, name, description, scopes, created_at, revision FROM roles ", $rest)
    };
}

impl Transaction {
    pub(crate) async fn insert_role(&mut self, role: &Role) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO roles (id, organization_id, name, description, scopes, created_at, revision) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(blob(role.id))
        .bind(blob(role.organization))
        .bind(role.name.clone())
        .bind(role.description.clone())
        .bind(role.scopes.to_string())
        .bind(to_i64(role.created_at))
        .bind(to_i64(role.revision))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Writes name, description, scopes and revision.
    pub(crate) async fn update_role(&mut self, role: &Role) -> Result<(), Error> {
        sqlx::query("UPDATE roles SET name = $2, description = $3, scopes = $4, revision = $5 WHERE id = $1")
            .bind(blob(role.id))
            .bind(role.name.clone())
            .bind(role.description.clone())
            .bind(role.scopes.to_string())
            .bind(to_i64(role.revision))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Removes a role that nobody has.
    pub(crate) async fn delete_role(&mut self, role: RoleId) -> Result<(), Error> {
        sqlx::query("DELETE FROM roles WHERE id = $1")
            .bind(blob(role))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }
}

impl Reader {
    pub(crate) async fn role(&mut self, id: RoleId) -> Result<Option<Role>, Error> {
        let row = sqlx::query(select_roles!("WHERE id = $1"))
            .bind(blob(id))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(role).transpose()
    }

    pub(crate) async fn role_named(&mut self, of: OrganizationId, name: &str) -> Result<Option<Role>, Error> {
        let row = sqlx::query(select_roles!("WHERE organization_id = $1 AND name = $2"))
            .bind(blob(of))
            .bind(name.to_owned())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(role).transpose()
    }

    /// The custom roles of an organization, the oldest first.
    pub(crate) async fn roles_of(&mut self, of: OrganizationId, after: RoleId, limit: u32) -> Result<Vec<Role>, Error> {
        let rows = sqlx::query(select_roles!("WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3"))
            .bind(blob(of))
            .bind(blob(after))
            .bind(i64::from(limit))
            .fetch_all(self.connection())
            .await
            .map_err(Error::store)?;
        rows.iter().map(role).collect()
    }

    /// Whether some member has the role, or an invitation names it.
    pub(crate) async fn is_role_in_use(&mut self, role: RoleId) -> Result<bool, Error> {
        let uses: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM memberships WHERE role_id = $1) \
             + (SELECT COUNT(*) FROM workspace_memberships WHERE role_id = $1) \
             + (SELECT COUNT(*) FROM invitations WHERE role_id = $1 OR workspaces LIKE $2)",
        )
        .bind(blob(role))
        .bind(format!("%={role}%"))
        .fetch_one(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(uses > 0)
    }
}

fn role(row: &AnyRow) -> Result<Role, Error> {
    Ok(Role {
        id: row.id("id")?,
        organization: row.id("organization_id")?,
        name: row.text("name")?.to_owned(),
        description: row.text("description")?.to_owned(),
        scopes: row.parsed("scopes")?,
        created_at: row.number("created_at")?,
        revision: row.number("revision")?,
    })
}
