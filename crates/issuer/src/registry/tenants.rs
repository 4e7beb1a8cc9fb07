//! Organizations and workspaces: create, rename, archive.

use doorkey_core::{ErrorCode, OrganizationId, WorkspaceId};

use super::terms::is_name;
use super::{Change, DefaultKeys, Expected, Registry, not_found};
use crate::access::{OrganizationRole, Permission};
use crate::actor::{Actor, Who};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::store::{Organization, Workspace};

/// What shall change in an organization or a workspace.
#[derive(Clone, Debug)]
pub(crate) enum TenantChange {
    Rename(String),
    /// Nothing in it can be used until it is unarchived.
    Archive,
    Unarchive,
}

/// A workspace that was just created and, unless the same request had created it before, its pair of keys.
#[derive(Debug)]
pub(crate) struct CreatedWorkspace {
    pub(crate) workspace: Workspace,
    pub(crate) keys: Option<DefaultKeys>,
}

impl Registry {
    /// Creates an organization; whoever does becomes its admin. Takes an operator.
    pub(crate) async fn create_organization(
        &self,
        actor: &Actor,
        name: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Organization, Error> {
        let mut change = self.change(actor, Action::CreateOrganization, Target::new(OrganizationId::PREFIX)).await?;
        let done = self.create_organization_in(&mut change, name, idempotency).await;
        change.finish(done).await
    }

    async fn create_organization_in(
        &self,
        change: &mut Change<'_>,
        name: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<Organization, Error> {
        if let Some(id) = change.recall(idempotency).await? {
            return Ok(change.organization(id).await?.0);
        }
        let is_operator = match &change.actor.who {
            Who::Member(signed_in) => signed_in.is_operator,
            Who::Operator | Who::System => true,
            Who::Key { .. } => false,
        };
        if !is_operator {
            return Err(Error::new(ErrorCode::InsufficientScope, "organizations are created by an operator"));
        }
        change.check_sign_in().await?;
        check_name(name)?;
        let organization = self.make_organization(name, change).await?;
        if let Some(person) = change.actor.person() {
            change.transaction.put_membership(organization.id, person, OrganizationRole::Admin, change.now).await?;
        }
        change.remember(idempotency, organization.id).await?;
        change.is_done_to(organization.id);
        change.note("name", name);
        Ok(organization)
    }

    /// Renames, archives or unarchives an organization.
    pub(crate) async fn change_organization(
        &self,
        actor: &Actor,
        id: OrganizationId,
        what: &TenantChange,
        expected: Expected<'_>,
    ) -> Result<Organization, Error> {
        let action = match what {
            TenantChange::Rename(_) => Action::UpdateOrganization,
            TenantChange::Archive => Action::ArchiveOrganization,
            TenantChange::Unarchive => Action::UnarchiveOrganization,
        };
        let mut change = self.change(actor, action, id.into()).await?;
        let done = change_organization(&mut change, id, what, expected).await;
        change.finish(done).await
    }

    /// Creates a workspace with its pair of keys, which may do no more than its creator.
    pub(crate) async fn create_workspace(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        name: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedWorkspace, Error> {
        let mut change = self.change(actor, Action::CreateWorkspace, Target::new(WorkspaceId::PREFIX)).await?;
        let done = self.create_workspace_in(&mut change, organization, name, idempotency).await;
        change.finish(done).await
    }

    async fn create_workspace_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        name: &str,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedWorkspace, Error> {
        let (_, standing) = change.organization(organization).await?;
        standing.require(Permission::WriteWorkspaces)?;
        // It comes with a pair of keys.
        standing.require(Permission::WriteKeys)?;
        if let Some(id) = change.recall(idempotency).await? {
            let workspace = change.transaction.workspace(id).await?.ok_or_else(not_found)?;
            return Ok(CreatedWorkspace { workspace, keys: None });
        }
        change.check_in_use(organization, None).await?;
        check_name(name)?;
        let (workspace, keys) = self.make_workspace(organization, name, &standing.all_scopes(), change).await?;
        change.remember(idempotency, workspace.id).await?;
        change.is_done_to(workspace.id);
        change.note("name", name);
        Ok(CreatedWorkspace { workspace, keys: Some(keys) })
    }

    /// Renames, archives or unarchives a workspace.
    pub(crate) async fn change_workspace(
        &self,
        actor: &Actor,
        id: WorkspaceId,
        what: &TenantChange,
        expected: Expected<'_>,
    ) -> Result<Workspace, Error> {
        let action = match what {
            TenantChange::Rename(_) => Action::UpdateWorkspace,
            TenantChange::Archive => Action::ArchiveWorkspace,
            TenantChange::Unarchive => Action::UnarchiveWorkspace,
        };
        let mut change = self.change(actor, action, id.into()).await?;
        let done = change_workspace(&mut change, id, what, expected).await;
        change.finish(done).await
    }

    /// The organizations that the actor belongs to, after one of them.
    pub(crate) async fn organizations(
        &self,
        actor: &Actor,
        after: OrganizationId,
        limit: u32,
    ) -> Result<Vec<Organization>, Error> {
        let Some(person) = actor.person() else { return Ok(Vec::new()) };
        self.store.read().await?.organizations_of(person, after, limit).await
    }

    /// One organization that the actor belongs to.
    pub(crate) async fn show_organization(&self, actor: &Actor, id: OrganizationId) -> Result<Organization, Error> {
        let mut reader = self.store.read().await?;
        let organization = reader.organization(id).await?.ok_or_else(not_found)?;
        self.standing(&mut reader, actor, id, None).await?;
        Ok(organization)
    }

    /// The workspaces of an organization that the actor sees, after one of them.
    pub(crate) async fn workspaces(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        after: WorkspaceId,
        limit: u32,
    ) -> Result<Vec<Workspace>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        let own = if standing.sees_workspace() { None } else { actor.person() };
        reader.workspaces_of(organization, own, after, limit).await
    }

    /// One workspace that the actor sees.
    pub(crate) async fn show_workspace(&self, actor: &Actor, id: WorkspaceId) -> Result<Workspace, Error> {
        let mut reader = self.store.read().await?;
        let workspace = reader.workspace(id).await?.ok_or_else(not_found)?;
        let standing = self.standing(&mut reader, actor, workspace.organization, Some(id)).await?;
        if standing.sees_workspace() { Ok(workspace) } else { Err(not_found()) }
    }
}

async fn change_organization(
    change: &mut Change<'_>,
    id: OrganizationId,
    what: &TenantChange,
    expected: Expected<'_>,
) -> Result<Organization, Error> {
    let (mut organization, standing) = change.organization(id).await?;
    standing.require(Permission::WriteOrganization)?;
    expected(organization.revision)?;
    let before = (organization.name.clone(), organization.archived_at);
    apply(what, &mut organization.name, &mut organization.archived_at, change.now)?;
    if (&organization.name, organization.archived_at) == (&before.0, before.1) {
        change.has_nothing_to_do();
        return Ok(organization);
    }
    organization.revision += 1;
    change.note("name", organization.name.clone());
    change.transaction.update_organization(&organization).await?;
    Ok(organization)
}

async fn change_workspace(
    change: &mut Change<'_>,
    id: WorkspaceId,
    what: &TenantChange,
    expected: Expected<'_>,
) -> Result<Workspace, Error> {
    let (mut workspace, standing) = change.workspace(id).await?;
    standing.require(Permission::WriteWorkspaces)?;
    expected(workspace.revision)?;
    let before = (workspace.name.clone(), workspace.archived_at);
    apply(what, &mut workspace.name, &mut workspace.archived_at, change.now)?;
    if (&workspace.name, workspace.archived_at) == (&before.0, before.1) {
        change.has_nothing_to_do();
        return Ok(workspace);
    }
    workspace.revision += 1;
    change.note("name", workspace.name.clone());
    change.transaction.update_workspace(&workspace).await?;
    Ok(workspace)
}

fn apply(what: &TenantChange, name: &mut String, archived_at: &mut Option<u64>, now: u64) -> Result<(), Error> {
    match what {
        TenantChange::Rename(new) => {
            check_name(new)?;
            name.clone_from(new);
        }
        TenantChange::Archive => *archived_at = archived_at.or(Some(now)),
        TenantChange::Unarchive => *archived_at = None,
    }
    Ok(())
}

/// Refuses what is not fit to be a name.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::invalid("name", "1 to 100 characters on one line, without spaces around them"))
}
