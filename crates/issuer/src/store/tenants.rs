//! Organizations and workspaces.

use doorkey_core::{MemberId, OrganizationId, WorkspaceId};
use sqlx::any::AnyRow;

use super::directory::Entity;
use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// A customer of the API.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
    pub(crate) created_at: u64,
    pub(crate) archived_at: Option<u64>,
    pub(crate) revision: u64,
}

/// A unit inside an organization.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) id: WorkspaceId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    pub(crate) created_at: u64,
    pub(crate) archived_at: Option<u64>,
    pub(crate) revision: u64,
}

/// Whom a key belongs to: a workspace, or an organization itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) organization: OrganizationId,
    pub(crate) workspace: Option<WorkspaceId>,
}

impl Transaction {
    pub(crate) async fn insert_organization(&mut self, organization: &Organization) -> Result<(), Error> {
        sqlx::query("INSERT INTO organizations (id, name, created_at, revision) VALUES ($1, $2, $3, $4)")
            .bind(blob(organization.id))
            .bind(organization.name.clone())
            .bind(to_i64(organization.created_at))
            .bind(to_i64(organization.revision))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        self.note_change(Entity::Organization(organization.id)).await
    }

    /// Writes name, archive time and revision.
    pub(crate) async fn update_organization(&mut self, organization: &Organization) -> Result<(), Error> {
        sqlx::query("UPDATE organizations SET name = $2, archived_at = $3, revision = $4 WHERE id = $1")
            .bind(blob(organization.id))
            .bind(organization.name.clone())
            .bind(organization.archived_at.map(to_i64))
            .bind(to_i64(organization.revision))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        self.note_change(Entity::Organization(organization.id)).await
    }

    pub(crate) async fn insert_workspace(&mut self, workspace: &Workspace) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO workspaces (id, organization_id, name, created_at, revision) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(blob(workspace.id))
        .bind(blob(workspace.organization))
        .bind(workspace.name.clone())
        .bind(to_i64(workspace.created_at))
        .bind(to_i64(workspace.revision))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        self.note_change(Entity::Workspace(workspace.id)).await
    }

    /// Writes name, archive time and revision.
    pub(crate) async fn update_workspace(&mut self, workspace: &Workspace) -> Result<(), Error> {
        sqlx::query("UPDATE workspaces SET name = $2, archived_at = $3, revision = $4 WHERE id = $1")
            .bind(blob(workspace.id))
            .bind(workspace.name.clone())
            .bind(workspace.archived_at.map(to_i64))
            .bind(to_i64(workspace.revision))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        self.note_change(Entity::Workspace(workspace.id)).await
    }
}

impl Reader {
    /// The oldest workspace; `None` before the first start.
    pub(crate) async fn first_workspace(&mut self) -> Result<Option<Workspace>, Error> {
        let row = sqlx::query(
            "SELECT id, organization_id, name, created_at, archived_at, revision FROM workspaces ORDER BY id LIMIT 1",
        )
        .fetch_optional(self.connection())
        .await
        .map_err(Error::store)?;
        row.as_ref().map(workspace).transpose()
    }

    pub(crate) async fn organization(&mut self, id: OrganizationId) -> Result<Option<Organization>, Error> {
        let row = sqlx::query("SELECT id, name, created_at, archived_at, revision FROM organizations WHERE id = $1")
            .bind(blob(id))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(organization).transpose()
    }

    pub(crate) async fn workspace(&mut self, id: WorkspaceId) -> Result<Option<Workspace>, Error> {
        let row = sqlx::query(
            "SELECT id, organization_id, name, created_at, archived_at, revision FROM workspaces WHERE id = $1",
        )
        .bind(blob(id))
        .fetch_optional(self.connection())
        .await
        .map_err(Error::store)?;
        row.as_ref().map(workspace).transpose()
    }

    /// The organizations of a person after the one with the id `after`, the oldest first.
    pub(crate) async fn organizations_of(
        &mut self,
        person: MemberId,
        after: OrganizationId,
        limit: u32,
    ) -> Result<Vec<Organization>, Error> {
        let rows = sqlx::query(
            "SELECT id, name, created_at, archived_at, organizations.revision AS revision FROM organizations \
             JOIN memberships ON organization_id = id \
             WHERE person_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(blob(person))
        .bind(blob(after))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(organization).collect()
    }

    /// The workspaces of an organization after the one with the id `after`, the oldest first; of a person, if one is
    /// given, those alone in which that person has a role.
    pub(crate) async fn workspaces_of(
        &mut self,
        of: OrganizationId,
        person: Option<MemberId>,
        after: WorkspaceId,
        limit: u32,
    ) -> Result<Vec<Workspace>, Error> {
        let query = match person {
            None => sqlx::query(
                "SELECT id, organization_id, name, created_at, archived_at, revision FROM workspaces \
                 WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            ),
            Some(_) => sqlx::query(
                "SELECT id, organization_id, name, created_at, archived_at, revision FROM workspaces \
                 WHERE organization_id = $1 AND id > $2 AND id IN \
                 (SELECT workspace_id FROM workspace_memberships WHERE organization_id = $1 AND person_id = $4) \
                 ORDER BY id LIMIT $3",
            ),
        };
        let mut query = query.bind(blob(of)).bind(blob(after)).bind(i64::from(limit));
        if let Some(person) = person {
            query = query.bind(blob(person));
        }
        let rows = query.fetch_all(self.connection()).await.map_err(Error::store)?;
        rows.iter().map(workspace).collect()
    }
}

fn organization(row: &AnyRow) -> Result<Organization, Error> {
    Ok(Organization {
        id: row.id("id")?,
        name: row.text("name")?.to_owned(),
        created_at: row.number("created_at")?,
        archived_at: row.optional_number("archived_at")?,
        revision: row.number("revision")?,
    })
}

fn workspace(row: &AnyRow) -> Result<Workspace, Error> {
    Ok(Workspace {
        id: row.id("id")?,
        organization: row.id("organization_id")?,
        name: row.text("name")?.to_owned(),
        created_at: row.number("created_at")?,
        archived_at: row.optional_number("archived_at")?,
        revision: row.number("revision")?,
    })
}
