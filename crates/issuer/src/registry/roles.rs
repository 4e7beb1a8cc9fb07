//! Custom roles: sets of scopes that an organization puts together itself.

use doorkey_core::{ErrorCode, OrganizationId, RoleId, ScopeSet};

use super::tenants::check_name;
use super::{Change, Expected, Registry, not_found};
use crate::access::{Permission, Rights, Standing};
use crate::actor::Actor;
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::store::Role;

/// Most custom roles of an organization.
const MAX_ROLES: u32 = 100;
const MAX_DESCRIPTION_LEN: usize = 1000;

/// What a custom role shall be.
#[derive(Clone, Debug)]
pub(crate) struct NewRole {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) scopes: ScopeSet,
}

/// What shall change in a custom role; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleChanges {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) scopes: Option<ScopeSet>,
}

impl Registry {
    /// Creates a custom role. It cannot permit more than its creator may do: `exceeds_creator`.
    pub(crate) async fn create_role(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        new: NewRole,
        idempotency: Option<&Idempotency>,
    ) -> Result<Role, Error> {
        let mut change = self.change(actor, Action::CreateRole, Target::new(RoleId::PREFIX)).await?;
        let done = self.create_role_in(&mut change, organization, new, idempotency).await;
        change.finish(done).await
    }

    async fn create_role_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        new: NewRole,
        idempotency: Option<&Idempotency>,
    ) -> Result<Role, Error> {
        let (_, standing) = change.organization(organization).await?;
        standing.require(Permission::WriteRoles)?;
        if let Some(id) = change.recall(idempotency).await? {
            return change.transaction.role(id).await?.ok_or_else(not_found);
        }
        change.check_in_use(organization, None).await?;
        let role = Role {
            id: self.new_id(),
            organization,
            name: new.name,
            description: new.description,
            scopes: new.scopes,
            created_at: change.now,
            revision: 1,
        };
        check(change, &role, &ScopeSet::empty(), &standing).await?;
        let first = RoleId::from_bytes([0; 16]);
        if change.transaction.roles_of(organization, first, MAX_ROLES).await?.len() >= MAX_ROLES as usize {
            return Err(Error::new(ErrorCode::Conflict, "the organization has 100 custom roles already"));
        }
        change.transaction.insert_role(&role).await?;
        change.remember(idempotency, role.id).await?;
        change.is_done_to(role.id);
        change.note("name", role.name.clone());
        change.note("scopes", role.scopes.to_string());
        Ok(role)
    }

    /// Changes a custom role. Personal keys of those who have it follow at once.
    pub(crate) async fn edit_role(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        role: RoleId,
        changes: &RoleChanges,
        expected: Expected<'_>,
    ) -> Result<Role, Error> {
        let mut change = self.change(actor, Action::UpdateRole, role.into()).await?;
        let done = self.edit_role_in(&mut change, organization, role, changes, expected).await;
        change.finish(done).await
    }

    async fn edit_role_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        role: RoleId,
        changes: &RoleChanges,
        expected: Expected<'_>,
    ) -> Result<Role, Error> {
        let (mut role, standing) = change.role_to_change(organization, role).await?;
        expected(role.revision)?;
        let holders = change.transaction.people_with_role(role.id).await?;
        // Nobody changes their own role, not by changing what it means either.
        if change.actor.person().is_some_and(|person| holders.contains(&person)) {
            return Err(own_role());
        }
        let before = role.scopes.clone();
        role.name = changes.name.clone().unwrap_or(role.name);
        role.description = changes.description.clone().unwrap_or(role.description);
        role.scopes = changes.scopes.clone().unwrap_or(role.scopes);
        check(change, &role, &before, &standing).await?;
        role.revision += 1;
        change.transaction.update_role(&role).await?;
        for person in holders {
            self.align_personal_keys(change, organization, person).await?;
        }
        change.note("name", role.name.clone());
        change.note("scopes", role.scopes.to_string());
        Ok(role)
    }

    /// Deletes a custom role that nobody has: `conflict` otherwise.
    pub(crate) async fn delete_role(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        role: RoleId,
    ) -> Result<(), Error> {
        let mut change = self.change(actor, Action::DeleteRole, role.into()).await?;
        let done = delete(&mut change, organization, role).await;
        change.finish(done).await
    }

    /// The custom roles of an organization, after one of them.
    pub(crate) async fn roles(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        after: RoleId,
        limit: u32,
    ) -> Result<Vec<Role>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        standing.require(Permission::ReadMembers)?;
        reader.roles_of(organization, after, limit).await
    }

    /// One custom role.
    pub(crate) async fn show_role(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        role: RoleId,
    ) -> Result<Role, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        standing.require(Permission::ReadMembers)?;
        reader.role(role).await?.filter(|role| role.organization == organization).ok_or_else(not_found)
    }
}

async fn delete(change: &mut Change<'_>, organization: OrganizationId, role: RoleId) -> Result<(), Error> {
    let (role, _) = change.role_to_change(organization, role).await?;
    if change.transaction.is_role_in_use(role.id).await? {
        return Err(Error::new(ErrorCode::Conflict, "somebody has this role, or is invited to it"));
    }
    change.note("name", role.name);
    change.transaction.delete_role(role.id).await
}

/// Applies the rules to a role as it shall be.
async fn check(change: &mut Change<'_>, role: &Role, before: &ScopeSet, standing: &Standing) -> Result<(), Error> {
    check_name(&role.name)?;
    if role.description.chars().count() > MAX_DESCRIPTION_LEN || role.description.contains('\0') {
        return Err(Error::invalid("description", "at most 1000 characters"));
    }
    if ["admin", "member", "editor", "viewer", "custom"].contains(&role.name.to_lowercase().as_str()) {
        return Err(Error::invalid("name", "is the name of a preset"));
    }
    let is_known = |scope| Permission::of(scope).is_some() || change.settings.catalogue().find(scope).is_some();
    if let Some(unknown) = role.scopes.iter().find(|scope| !before.permits(scope) && !is_known(scope)) {
        return Err(Error::invalid("scopes", format!("{unknown} is neither in the catalogue nor a permission")));
    }
    if role.scopes.iter().count() > 1000 {
        return Err(Error::invalid("scopes", "at most 1000 of them"));
    }
    if !Rights::of_scopes(&role.scopes, change.settings.catalogue()).is_within(&standing.rights()) {
        return Err(exceeds());
    }
    let same_name = change.transaction.role_named(role.organization, &role.name).await?;
    if same_name.is_some_and(|other| other.id != role.id) {
        return Err(Error::new(ErrorCode::Conflict, "the organization has a role with this name"));
    }
    Ok(())
}

impl Change<'_> {
    /// A custom role that the actor may change: one that permits no more than the actor may do.
    async fn role_to_change(&mut self, organization: OrganizationId, role: RoleId) -> Result<(Role, Standing), Error> {
        let (_, standing) = self.organization(organization).await?;
        standing.require(Permission::WriteRoles)?;
        let found = self.transaction.role(role).await?;
        let role = found.filter(|role| role.organization == organization).ok_or_else(not_found)?;
        if !Rights::of_scopes(&role.scopes, self.settings.catalogue()).is_within(&standing.rights()) {
            return Err(exceeds());
        }
        Ok((role, standing))
    }
}

pub(super) fn exceeds() -> Error {
    Error::new(ErrorCode::ExceedsCreator, "this role permits more than your own")
}

pub(super) fn own_role() -> Error {
    Error::new(ErrorCode::InsufficientScope, "nobody changes their own role")
}
