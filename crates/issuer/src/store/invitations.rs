//! Invitations into an organization. Of the token in its link, a hash alone is here.

use doorkey_core::{InvitationId, MemberId, OrganizationId, WorkspaceId};
use sqlx::any::AnyRow;

use super::row::{Columns, blob, broken, join, to_i64, to_u64};
use super::{Reader, Transaction};
use crate::access::{OrganizationRole, WorkspaceRole};
use crate::error::Error;

/// Somebody is asked to join an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) id: InvitationId,
    pub(crate) organization: OrganizationId,
    /// In lower case.
    pub(crate) email: String,
    pub(crate) role: OrganizationRole,
    pub(crate) workspaces: Vec<(WorkspaceId, WorkspaceRole)>,
    /// `None` for the operator, on the command line.
    pub(crate) invited_by: Option<MemberId>,
    pub(crate) created_at: u64,
    pub(crate) expires_at: u64,
}

/// A statement that selects whole invitations.
macro_rules! select_invitations {
    ($rest:literal) => {
        concat!(
            "SELECT id, organization_id, email, role, role_id, workspaces, invited_by, created_at, expires_at \
             FROM invitations ",
            $rest
        )
    };
}

impl Transaction {
    /// Writes an invitation, in place of all others into the organization for the same address.
    pub(crate) async fn replace_invitation(
        &mut self,
        invitation: &Invitation,
        token_hash: &[u8; 32],
    ) -> Result<(), Error> {
        sqlx::query("DELETE FROM invitations WHERE organization_id = $1 AND email = $2")
            .bind(blob(invitation.organization))
            .bind(invitation.email.clone())
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        sqlx::query(
            "INSERT INTO invitations (id, organization_id, email, role, role_id, workspaces, token_hash, invited_by, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(blob(invitation.id))
        .bind(blob(invitation.organization))
        .bind(invitation.email.clone())
        .bind(invitation.role.kind())
        .bind(invitation.role.custom().map(blob))
        .bind(join(invitation.workspaces.iter().map(|(workspace, role)| format!("{workspace}={role}"))))
        .bind(token_hash.to_vec())
        .bind(invitation.invited_by.map(blob))
        .bind(to_i64(invitation.created_at))
        .bind(to_i64(invitation.expires_at))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn delete_invitation(&mut self, id: InvitationId) -> Result<(), Error> {
        sqlx::query("DELETE FROM invitations WHERE id = $1")
            .bind(blob(id))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Deletes expired invitations, at most `limit` of them; says how many.
    pub(crate) async fn forget_invitations(&mut self, now: u64, limit: u32) -> Result<u64, Error> {
        let done = sqlx::query(
            "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(to_i64(now))
        .bind(i64::from(limit))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(done.rows_affected())
    }
}

impl Reader {
    /// An invitation that is open at this time.
    pub(crate) async fn invitation(&mut self, id: InvitationId, now: u64) -> Result<Option<Invitation>, Error> {
        let row = sqlx::query(select_invitations!("WHERE id = $1 AND expires_at > $2"))
            .bind(blob(id))
            .bind(to_i64(now))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(invitation).transpose()
    }

    /// The open invitation of an address.
    pub(crate) async fn invitation_for(
        &mut self,
        of: OrganizationId,
        email: &str,
        now: u64,
    ) -> Result<Option<Invitation>, Error> {
        let row = sqlx::query(select_invitations!("WHERE organization_id = $1 AND email = $2 AND expires_at > $3"))
            .bind(blob(of))
            .bind(email.to_owned())
            .bind(to_i64(now))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(invitation).transpose()
    }

    /// The invitation with this token, if it is open at this time.
    pub(crate) async fn invitation_with(
        &mut self,
        token_hash: &[u8; 32],
        now: u64,
    ) -> Result<Option<Invitation>, Error> {
        let row = sqlx::query(select_invitations!("WHERE token_hash = $1 AND expires_at > $2"))
            .bind(token_hash.to_vec())
            .bind(to_i64(now))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.as_ref().map(invitation).transpose()
    }

    /// The open invitations of an organization after the one with the id `after`, the oldest first.
    pub(crate) async fn invitations_of(
        &mut self,
        of: OrganizationId,
        now: u64,
        after: InvitationId,
        limit: u32,
    ) -> Result<Vec<Invitation>, Error> {
        let rows = sqlx::query(select_invitations!(
            "WHERE organization_id = $1 AND expires_at > $2 AND id > $3 ORDER BY id LIMIT $4"
        ))
        .bind(blob(of))
        .bind(to_i64(now))
        .bind(blob(after))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(invitation).collect()
    }

    /// How many open invitations an organization has, those for one address aside.
    pub(crate) async fn count_invitations(&mut self, of: OrganizationId, but: &str, now: u64) -> Result<u64, Error> {
        let count = sqlx::query_scalar(
            "SELECT COUNT(*) FROM invitations WHERE organization_id = $1 AND email <> $2 AND expires_at > $3",
        )
        .bind(blob(of))
        .bind(but.to_owned())
        .bind(to_i64(now))
        .fetch_one(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(to_u64(count))
    }
}

fn invitation(row: &AnyRow) -> Result<Invitation, Error> {
    let no_role = || broken("workspaces", &"not workspaces with roles");
    let workspaces = row.text("workspaces")?.split_terminator(' ').map(|entry| {
        let (workspace, role) = entry.split_once('=').ok_or_else(no_role)?;
        Ok((workspace.parse().map_err(|_| no_role())?, role.parse().map_err(|_| no_role())?))
    });
    Ok(Invitation {
        id: row.id("id")?,
        organization: row.id("organization_id")?,
        email: row.text("email")?.to_owned(),
        role: OrganizationRole::from_parts(row.text("role")?, row.optional_id("role_id")?)
            .ok_or_else(|| broken("role", &"no role"))?,
        workspaces: workspaces.collect::<Result<_, Error>>()?,
        invited_by: row.optional_id("invited_by")?,
        created_at: row.number("created_at")?,
        expires_at: row.number("expires_at")?,
    })
}
