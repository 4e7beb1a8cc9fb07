//! Who belongs to an organization and its workspaces, and with which role.

use doorkey_core::{ErrorCode, MemberId, OrganizationId, ScopeSet, WorkspaceId};

use super::roles::{exceeds, own_role};
use super::{Change, Expected, Registry, not_found};
use crate::access::{OrganizationRole, Permission, Rights, Standing, WorkspaceRole};
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::store::{Membership, OwnMembership, WorkspaceMembership};

impl Registry {
    /// The members of an organization, after one of them.
    pub(crate) async fn members(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        after: MemberId,
        limit: u32,
    ) -> Result<Vec<Membership>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        standing.require(Permission::ReadMembers)?;
        reader.memberships_in(organization, after, limit).await
    }

    /// One member of an organization.
    pub(crate) async fn show_member(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<Membership, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        if actor.person() != Some(member) {
            standing.require(Permission::ReadMembers)?;
        }
        reader.membership(organization, member).await?.ok_or_else(not_found)
    }

    /// The organizations of the actor, with the role in each.
    pub(crate) async fn own_memberships(&self, actor: &Actor) -> Result<Vec<OwnMembership>, Error> {
        let Some(person) = actor.person() else { return Ok(Vec::new()) };
        self.store.read().await?.memberships_of(person).await
    }

    /// Gives a member another role. Personal keys follow at once.
    pub(crate) async fn change_member(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        member: MemberId,
        role: OrganizationRole,
        expected: Expected<'_>,
    ) -> Result<Membership, Error> {
        let mut change = self.change(actor, Action::UpdateMember, member.into()).await?;
        let done = self.change_member_in(&mut change, organization, member, role, expected).await;
        change.finish(done).await
    }

    async fn change_member_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        member: MemberId,
        role: OrganizationRole,
        expected: Expected<'_>,
    ) -> Result<Membership, Error> {
        let (membership, standing) = change.member_to_change(organization, member).await?;
        if change.actor.person() == Some(member) {
            return Err(own_role());
        }
        change.check_in_use(organization, None).await?;
        expected(membership.revision)?;
        let custom = change.custom_scopes(organization, role.custom(), "role").await?;
        let is_within =
            Rights::in_organization(role, &custom, change.settings.catalogue()).is_within(&standing.rights());
        let makes_admin = role == OrganizationRole::Admin;
        if !is_within || makes_admin && !change.is_admin(organization).await? {
            return Err(exceeds());
        }
        if role != OrganizationRole::Admin {
            change.check_last_admin(&membership).await?;
        }
        if role == membership.role {
            change.has_nothing_to_do();
            return Ok(membership);
        }
        change.transaction.put_membership(organization, member, role, change.now).await?;
        self.align_personal_keys(change, organization, member).await?;
        change.note("role", role.to_string());
        change.note("role_before", membership.role.to_string());
        change.transaction.membership(organization, member).await?.ok_or_else(not_found)
    }

    /// Removes a member, whose personal keys end at once; everybody may remove themselves, except the last admin.
    pub(crate) async fn remove_member(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<(), Error> {
        let mut change = self.change(actor, Action::RemoveMember, member.into()).await?;
        let done = self.remove_member_in(&mut change, organization, member).await;
        change.finish(done).await
    }

    async fn remove_member_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<(), Error> {
        let membership = if change.actor.person() == Some(member) {
            change.standing(organization, None).await?;
            change.transaction.membership(organization, member).await?.ok_or_else(not_found)?
        } else {
            change.member_to_change(organization, member).await?.0
        };
        change.check_last_admin(&membership).await?;
        change.note("email", membership.email);
        change.transaction.delete_membership(organization, member).await?;
        self.align_personal_keys(change, organization, member).await
    }

    /// Who has a role in a workspace, after one of them.
    pub(crate) async fn workspace_members(
        &self,
        actor: &Actor,
        workspace: WorkspaceId,
        after: MemberId,
        limit: u32,
    ) -> Result<Vec<WorkspaceMembership>, Error> {
        let mut reader = self.store.read().await?;
        let found = reader.workspace(workspace).await?.ok_or_else(not_found)?;
        let standing = self.standing(&mut reader, actor, found.organization, Some(workspace)).await?;
        if !standing.sees_workspace() {
            return Err(not_found());
        }
        standing.require(Permission::ReadMembers)?;
        reader.workspace_memberships_in(workspace, after, limit).await
    }

    /// Gives a member of the organization a role in a workspace, or another one. Personal keys follow at once.
    pub(crate) async fn set_workspace_role(
        &self,
        actor: &Actor,
        workspace: WorkspaceId,
        member: MemberId,
        role: WorkspaceRole,
    ) -> Result<WorkspaceMembership, Error> {
        let mut change = self.change(actor, Action::SetWorkspaceRole, member.into()).await?;
        let done = self.set_workspace_role_in(&mut change, workspace, member, role).await;
        change.finish(done).await
    }

    async fn set_workspace_role_in(
        &self,
        change: &mut Change<'_>,
        workspace: WorkspaceId,
        member: MemberId,
        role: WorkspaceRole,
    ) -> Result<WorkspaceMembership, Error> {
        let organization = change.workspace_to_staff(workspace, member).await?;
        change.check_in_use(organization, Some(workspace)).await?;
        let standing = change.standing(organization, Some(workspace)).await?;
        let custom = change.custom_scopes(organization, role.custom(), "role").await?;
        if !Rights::in_workspace(role, &custom, change.settings.catalogue()).is_within(&standing.rights()) {
            return Err(exceeds());
        }
        change.transaction.put_workspace_membership(workspace, organization, member, role, change.now).await?;
        self.align_personal_keys(change, organization, member).await?;
        change.note("role", role.to_string());
        change.transaction.workspace_membership(workspace, member).await?.ok_or_else(not_found)
    }

    /// Takes a member's role in a workspace away. Personal keys follow at once.
    pub(crate) async fn remove_workspace_role(
        &self,
        actor: &Actor,
        workspace: WorkspaceId,
        member: MemberId,
    ) -> Result<(), Error> {
        let mut change = self.change(actor, Action::RemoveWorkspaceRole, member.into()).await?;
        let done = self.remove_workspace_role_in(&mut change, workspace, member).await;
        change.finish(done).await
    }

    async fn remove_workspace_role_in(
        &self,
        change: &mut Change<'_>,
        workspace: WorkspaceId,
        member: MemberId,
    ) -> Result<(), Error> {
        let organization = change.workspace_to_staff(workspace, member).await?;
        if change.transaction.workspace_membership(workspace, member).await?.is_none() {
            return Err(not_found());
        }
        change.transaction.delete_workspace_membership(workspace, member).await?;
        self.align_personal_keys(change, organization, member).await
    }
}

impl Change<'_> {
    /// A member whose role permits no more than the actor's own, and where the actor stands.
    async fn member_to_change(
        &mut self,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<(Membership, Standing), Error> {
        let (_, standing) = self.organization(organization).await?;
        standing.require(Permission::WriteMembers)?;
        let membership = self.transaction.membership(organization, member).await?.ok_or_else(not_found)?;
        let rights = Rights::in_organization(membership.role, &membership.custom_scopes, self.settings.catalogue());
        if self.is_admin(organization).await? {
            return Ok((membership, standing));
        }
        let mut is_within = membership.role != OrganizationRole::Admin && rights.is_within(&standing.rights());
        for role in self.transaction.workspace_roles_of(organization, member).await? {
            let rights = Rights::in_workspace(role.role, &role.custom_scopes, self.settings.catalogue());
            is_within &= rights.is_within(&standing.rights());
        }
        if !is_within {
            return Err(exceeds());
        }
        Ok((membership, standing))
    }

    /// The organization of a workspace in which the actor may give roles to this member.
    async fn workspace_to_staff(&mut self, workspace: WorkspaceId, member: MemberId) -> Result<OrganizationId, Error> {
        let (workspace, standing) = self.workspace(workspace).await?;
        standing.require(Permission::WriteMembers)?;
        if self.actor.person() == Some(member) {
            return Err(own_role());
        }
        if self.transaction.membership(workspace.organization, member).await?.is_none() {
            return Err(not_found());
        }
        if let Some(had) = self.transaction.workspace_membership(workspace.id, member).await? {
            let rights = Rights::in_workspace(had.role, &had.custom_scopes, self.settings.catalogue());
            if !rights.is_within(&standing.rights()) {
                return Err(exceeds());
            }
        }
        Ok(workspace.organization)
    }

    /// The scopes of a custom role, which must be the organization's; none for a preset. `field` is what the caller named it in.
    pub(crate) async fn custom_scopes(
        &mut self,
        organization: OrganizationId,
        role: Option<doorkey_core::RoleId>,
        field: &str,
    ) -> Result<ScopeSet, Error> {
        let Some(role) = role else { return Ok(ScopeSet::empty()) };
        let found = self.transaction.role(role).await?.filter(|found| found.organization == organization);
        found.map(|found| found.scopes).ok_or_else(|| Error::invalid(field, "names no role of the organization"))
    }

    async fn check_last_admin(&mut self, membership: &Membership) -> Result<(), Error> {
        if membership.role == OrganizationRole::Admin
            && self.transaction.count_admins(membership.organization).await? <= 1
        {
            return Err(Error::new(ErrorCode::Conflict, "the last admin cannot leave"));
        }
        Ok(())
    }
}
