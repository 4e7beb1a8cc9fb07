//! Who belongs to which organization and workspace, and with which role.

use doorkey_core::{MemberId, OrganizationId, RoleId, ScopeSet, SignInId, WorkspaceId};
use sqlx::any::AnyRow;

use super::row::{Columns, blob, broken, to_i64, to_u64};
use super::{Reader, Transaction};
use crate::access::{OrganizationRole, WorkspaceRole};
use crate::error::Error;

/// A person in an organization.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) organization: OrganizationId,
    pub(crate) person: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: OrganizationRole,
    /// Of a custom role; otherwise empty.
    pub(crate) custom_scopes: ScopeSet,
    pub(crate) joined_at: u64,
    pub(crate) revision: u64,
}

/// A membership as its own member sees it.
#[derive(Clone, Debug)]
pub(crate) struct OwnMembership {
    pub(crate) organization: OrganizationId,
    pub(crate) organization_name: String,
    pub(crate) role: OrganizationRole,
}

/// A person in a workspace.
#[derive(Clone, Debug)]
pub(crate) struct WorkspaceMembership {
    pub(crate) person: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: WorkspaceRole,
    /// Of a custom role; otherwise empty.
    pub(crate) custom_scopes: ScopeSet,
    pub(crate) joined_at: u64,
}

macro_rules! select_memberships {
    ($rest:literal) => {
        concat!(
            "SELECT m.organization_id, m.person_id, p.email, p.name, m.role, m.role_id, \
             COALESCE(r.scopes, '') AS custom_scopes, m.joined_at, m.revision \
             FROM memberships m JOIN people p ON p.id = m.person_id LEFT JOIN roles r ON r.id = m.role_id ",
            $rest
        )
    };
}

macro_rules! select_workspace_memberships {
    ($rest:literal) => {
        concat!(
            "SELECT m.person_id, p.email, p.name, m.role, m.role_id, \
             COALESCE(r.scopes, '') AS custom_scopes, m.joined_at \
             FROM workspace_memberships m JOIN people p ON p.id = m.person_id LEFT JOIN roles r ON r.id = m.role_id ",
            $rest
        )
    };
}

impl Transaction {
    /// Writes a membership, or the role and the revision of one that there is.
    pub(crate) async fn put_membership(
        &mut self,
        organization: OrganizationId,
        person: MemberId,
        role: OrganizationRole,
        now: u64,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO memberships (organization_id, person_id, role, role_id, joined_at, revision) \
             VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (organization_id, person_id) \
             DO UPDATE SET role = excluded.role, role_id = excluded.role_id, revision = memberships.revision + 1",
        )
        .bind(blob(organization))
        .bind(blob(person))
        .bind(role.kind())
        .bind(role.custom().map(blob))
        .bind(to_i64(now))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Removes somebody from an organization and all its workspaces.
    pub(crate) async fn delete_membership(&mut self, of: OrganizationId, person: MemberId) -> Result<(), Error> {
        for statement in [
            "DELETE FROM workspace_memberships WHERE organization_id = $1 AND person_id = $2",
            "DELETE FROM memberships WHERE organization_id = $1 AND person_id = $2",
        ] {
            sqlx::query(statement)
                .bind(blob(of))
                .bind(blob(person))
                .execute(self.connection())
                .await
                .map_err(Error::store)?;
        }
        Ok(())
    }

    /// Takes back the invitations that somebody has made.
    pub(crate) async fn delete_invitations_by(&mut self, of: OrganizationId, person: MemberId) -> Result<(), Error> {
        sqlx::query("DELETE FROM invitations WHERE organization_id = $1 AND invited_by = $2")
            .bind(blob(of))
            .bind(blob(person))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Writes a role in a workspace.
    pub(crate) async fn put_workspace_membership(
        &mut self,
        workspace: WorkspaceId,
        organization: OrganizationId,
        person: MemberId,
        role: WorkspaceRole,
        now: u64,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO workspace_memberships (workspace_id, organization_id, person_id, role, role_id, joined_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, person_id) \
             DO UPDATE SET role = excluded.role, role_id = excluded.role_id",
        )
        .bind(blob(workspace))
        .bind(blob(organization))
        .bind(blob(person))
        .bind(role.kind())
        .bind(role.custom().map(blob))
        .bind(to_i64(now))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn delete_workspace_membership(
        &mut self,
        workspace: WorkspaceId,
        person: MemberId,
    ) -> Result<(), Error> {
        sqlx::query("DELETE FROM workspace_memberships WHERE workspace_id = $1 AND person_id = $2")
            .bind(blob(workspace))
            .bind(blob(person))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }
}

impl Reader {
    pub(crate) async fn membership(
        &mut self,
        of: OrganizationId,
        person: MemberId,
    ) -> Result<Option<Membership>, Error> {
        let row = sqlx::query(select_memberships!("WHERE m.organization_id = $1 AND m.person_id = $2"))
            .bind(blob(of))
            .bind(blob(person))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(membership).transpose()
    }

    /// The members of an organization after the one with the id `after`.
    pub(crate) async fn memberships_in(
        &mut self,
        of: OrganizationId,
        after: MemberId,
        limit: u32,
    ) -> Result<Vec<Membership>, Error> {
        let rows = sqlx::query(select_memberships!(
            "WHERE m.organization_id = $1 AND m.person_id > $2 ORDER BY m.person_id LIMIT $3"
        ))
        .bind(blob(of))
        .bind(blob(after))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(membership).collect()
    }

    /// The memberships of a person, the first organization first.
    pub(crate) async fn memberships_of(&mut self, person: MemberId) -> Result<Vec<OwnMembership>, Error> {
        let rows = sqlx::query(
            "SELECT m.organization_id, o.name AS organization_name, m.role, m.role_id \
             FROM memberships m JOIN organizations o ON o.id = m.organization_id \
             WHERE m.person_id = $1 ORDER BY m.organization_id LIMIT 1000",
        )
        .bind(blob(person))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        let own = |row: &AnyRow| {
            let organization_name = row.text("organization_name")?.to_owned();
            Ok(OwnMembership { organization: row.id("organization_id")?, organization_name, role: role(row)? })
        };
        rows.iter().map(own).collect()
    }

    pub(crate) async fn count_admins(&mut self, of: OrganizationId) -> Result<u64, Error> {
        let count =
            sqlx::query_scalar("SELECT COUNT(*) FROM memberships WHERE organization_id = $1 AND role = 'admin'")
                .bind(blob(of))
                .fetch_one(self.connection())
                .await
                .map_err(Error::store)?;
        Ok(to_u64(count))
    }

    pub(crate) async fn workspace_membership(
        &mut self,
        workspace: WorkspaceId,
        person: MemberId,
    ) -> Result<Option<WorkspaceMembership>, Error> {
        let row = sqlx::query(select_workspace_memberships!("WHERE m.workspace_id = $1 AND m.person_id = $2"))
            .bind(blob(workspace))
            .bind(blob(person))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(workspace_membership).transpose()
    }

    /// Who has a role in a workspace, after the person with the id `after`.
    pub(crate) async fn workspace_memberships_in(
        &mut self,
        workspace: WorkspaceId,
        after: MemberId,
        limit: u32,
    ) -> Result<Vec<WorkspaceMembership>, Error> {
        let rows = sqlx::query(select_workspace_memberships!(
            "WHERE m.workspace_id = $1 AND m.person_id > $2 ORDER BY m.person_id LIMIT $3"
        ))
        .bind(blob(workspace))
        .bind(blob(after))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(workspace_membership).collect()
    }

    /// Whether a sign-in has not ended.
    pub(crate) async fn is_sign_in_live(&mut self, sign_in: SignInId, now: u64) -> Result<bool, Error> {
        let row = sqlx::query("SELECT id FROM sign_ins WHERE id = $1 AND expires_at > $2")
            .bind(blob(sign_in))
            .bind(to_i64(now))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(row.is_some())
    }

    /// The roles of somebody in the workspaces of an organization.
    pub(crate) async fn workspace_roles_of(
        &mut self,
        of: OrganizationId,
        person: MemberId,
    ) -> Result<Vec<WorkspaceMembership>, Error> {
        let rows = sqlx::query(select_workspace_memberships!("WHERE m.organization_id = $1 AND m.person_id = $2"))
            .bind(blob(of))
            .bind(blob(person))
            .fetch_all(self.connection())
            .await
            .map_err(Error::store)?;
        rows.iter().map(workspace_membership).collect()
    }

    /// Everybody who has a custom role, in the organization or in one of its workspaces.
    pub(crate) async fn people_with_role(&mut self, role: RoleId) -> Result<Vec<MemberId>, Error> {
        let rows = sqlx::query(
            "SELECT person_id FROM memberships WHERE role_id = $1 \
             UNION SELECT person_id FROM workspace_memberships WHERE role_id = $1",
        )
        .bind(blob(role))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(|row| row.id("person_id")).collect()
    }
}

fn role(row: &AnyRow) -> Result<OrganizationRole, Error> {
    OrganizationRole::from_parts(row.text("role")?, row.optional_id("role_id")?)
        .ok_or_else(|| broken("role", &"no role"))
}

fn membership(row: &AnyRow) -> Result<Membership, Error> {
    Ok(Membership {
        organization: row.id("organization_id")?,
        person: row.id("person_id")?,
        email: row.text("email")?.to_owned(),
        name: row.text("name")?.to_owned(),
        role: role(row)?,
        custom_scopes: row.parsed("custom_scopes")?,
        joined_at: row.number("joined_at")?,
        revision: row.number("revision")?,
    })
}

fn workspace_membership(row: &AnyRow) -> Result<WorkspaceMembership, Error> {
    Ok(WorkspaceMembership {
        person: row.id("person_id")?,
        email: row.text("email")?.to_owned(),
        name: row.text("name")?.to_owned(),
        role: WorkspaceRole::from_parts(row.text("role")?, row.optional_id("role_id")?)
            .ok_or_else(|| broken("role", &"no role"))?,
        custom_scopes: row.parsed("custom_scopes")?,
        joined_at: row.number("joined_at")?,
    })
}
