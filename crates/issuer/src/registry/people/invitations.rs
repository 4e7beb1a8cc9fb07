//! Invitations: how everybody but the first comes in.

mod accept;

pub(crate) use accept::Account;
#[cfg(test)]
pub(super) use accept::Invited;

use doorkey_core::{ErrorCode, InvitationId, OrganizationId, WorkspaceId};

use super::{Email, Link, Secret, link_refused};
use crate::access::{OrganizationRole, Permission, Rights, WorkspaceRole};
use crate::actor::{Actor, Who};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::registry::{Change, Registry, not_found};
use crate::store::{Invitation, Organization, Role};

/// How long an invitation is open, in seconds.
const OPEN_FOR: u64 = 7 * 24 * 3600;
/// How many an organization may have open.
const MAX_OPEN: u64 = 1000;
/// Most workspaces of one invitation.
const MAX_WORKSPACES: usize = 100;

/// Whom to invite, and to what.
#[derive(Clone, Debug)]
pub(crate) struct NewInvitation {
    pub(crate) email: Email,
    pub(crate) role: OrganizationRole,
    pub(crate) workspaces: Vec<(WorkspaceId, WorkspaceRole)>,
}

/// What the page of an invitation shows to whoever has the link.
#[derive(Clone, Debug)]
pub(crate) struct OpenInvitation {
    pub(crate) invitation: Invitation,
    pub(crate) organization: Organization,
    /// The role in the organization, where it is one of its own.
    pub(crate) custom_role: Option<Role>,
}

impl Registry {
    /// Invites somebody for seven days, in place of an earlier invitation for the same address. The link,
    /// `{public_url}/invitation#token=…`, is shown this once; `None` for what was done before under the same name.
    ///
    /// Fails with `insufficient_scope`, with `exceeds_creator` for roles that permit more than the actor may do, with
    /// `conflict` for a member, for what is archived and for too many open invitations, with `not_found` and with
    /// `invalid_input`.
    pub(crate) async fn invite(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        new: NewInvitation,
        idempotency: Option<&Idempotency>,
    ) -> Result<(Invitation, Option<Link>), Error> {
        let mut change = self.change(actor, Action::CreateInvitation, Target::new(InvitationId::PREFIX)).await?;
        let done = self.invite_in(&mut change, organization, new, idempotency).await;
        change.finish(done).await
    }

    /// The open invitations of an organization after the one with the id `after`, the oldest first.
    ///
    /// Fails with `insufficient_scope` and `not_found`.
    pub(crate) async fn invitations(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        after: InvitationId,
        limit: u32,
    ) -> Result<Vec<Invitation>, Error> {
        let mut reader = self.store.read().await?;
        self.standing(&mut reader, actor, organization, None).await?.require(Permission::ReadMembers)?;
        reader.invitations_of(organization, self.clock.now(), after, limit).await
    }

    /// Ends an open invitation into an organization. Fails with `insufficient_scope` and `not_found`.
    pub(crate) async fn revoke_invitation(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        id: InvitationId,
    ) -> Result<(), Error> {
        let mut change = self.change(actor, Action::RevokeInvitation, id.into()).await?;
        let done = change.revoke_invitation(organization, id).await;
        change.finish(done).await
    }

    /// What the invitation of a link is about. Fails with `sign_in_refused` when it is not open.
    pub(crate) async fn invitation_by_token(&self, token: &str) -> Result<OpenInvitation, Error> {
        let token = Secret::parse(token).ok_or_else(link_refused)?.hash();
        let mut reader = self.store.read().await?;
        let invitation = reader.invitation_with(&token, self.clock.now()).await?.ok_or_else(link_refused)?;
        let organization = reader.organization(invitation.organization).await?.ok_or_else(link_refused)?;
        let custom_role = match invitation.role.custom() {
            Some(role) => reader.role(role).await?,
            None => None,
        };
        Ok(OpenInvitation { invitation, organization, custom_role })
    }

    async fn invite_in(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        new: NewInvitation,
        idempotency: Option<&Idempotency>,
    ) -> Result<(Invitation, Option<Link>), Error> {
        let (_, standing) = change.organization(organization).await?;
        standing.require(Permission::WriteMembers)?;
        if let Some(id) = change.recall(idempotency).await? {
            let before = change.transaction.invitation(id, change.now).await?;
            return Ok((before.filter(|before| before.organization == organization).ok_or_else(not_found)?, None));
        }
        change.check_in_use(organization, None).await?;
        change.check_may_grant(organization, &new).await?;
        change.check_may_invite(organization, &new.email).await?;
        let invitation = Invitation {
            id: self.new_id(),
            organization,
            email: new.email.as_str().to_owned(),
            role: new.role,
            workspaces: new.workspaces,
            invited_by: change.actor.person(),
            created_at: change.now,
            expires_at: change.now + OPEN_FOR,
        };
        let secret = Secret::new(self.entropy());
        change.transaction.replace_invitation(&invitation, &secret.hash()).await?;
        change.remember(idempotency, invitation.id).await?;
        change.is_done_to(invitation.id);
        change.note_invitation(&invitation);
        Ok((invitation, Some(secret.link(change.settings.public_url(), "invitation"))))
    }
}

impl Change<'_> {
    /// Refuses roles that are none here, and with `exceeds_creator` those that permit more than the actor may do.
    async fn check_may_grant(&mut self, organization: OrganizationId, new: &NewInvitation) -> Result<(), Error> {
        let settings = std::sync::Arc::clone(&self.settings);
        let catalogue = settings.catalogue();
        let is_admin = self.is_admin(organization).await?;
        let custom = self.custom_scopes(organization, new.role.custom(), "role").await?;
        let own = self.standing(organization, None).await?.organization;
        // What an admin may do grows with the catalogue, so that nobody else has all of it.
        let is_within = new.role != OrganizationRole::Admin
            && Rights::in_organization(new.role, &custom, catalogue).is_within(&own);
        if !is_admin && !is_within {
            return Err(exceeds("the organization"));
        }
        if new.workspaces.len() > MAX_WORKSPACES {
            return Err(Error::invalid("workspaces", "at most 100 of them"));
        }
        for (i, (id, role)) in new.workspaces.iter().enumerate() {
            let found = self.transaction.workspace(*id).await?;
            let is_twice = new.workspaces[..i].iter().any(|(earlier, _)| earlier == id);
            if is_twice || found.is_none_or(|found| found.organization != organization || found.archived_at.is_some()) {
                let detail = format!("{id} is no workspace of the organization, is archived, or is there twice");
                return Err(Error::invalid("workspaces", detail));
            }
            let custom = self.custom_scopes(organization, role.custom(), "workspaces").await?;
            let own = self.standing(organization, Some(*id)).await?.rights();
            if !is_admin && !Rights::in_workspace(*role, &custom, catalogue).is_within(&own) {
                return Err(exceeds(&id.to_string()));
            }
        }
        self.concerns(organization, None);
        Ok(())
    }

    /// Refuses with `conflict` a member, and one invitation too many.
    async fn check_may_invite(&mut self, organization: OrganizationId, email: &Email) -> Result<(), Error> {
        if let Some(found) = self.transaction.credentials(email.as_str()).await?
            && self.transaction.membership(organization, found.person.id).await?.is_some()
        {
            return Err(already_member());
        }
        if let Some(before) = self.transaction.invitation_for(organization, email.as_str(), self.now).await? {
            self.check_may_end(&before).await?;
        }
        if self.transaction.count_invitations(organization, email.as_str(), self.now).await? >= MAX_OPEN {
            return Err(Error::new(ErrorCode::Conflict, "the organization has 1000 open invitations already"));
        }
        Ok(())
    }

    async fn revoke_invitation(&mut self, organization: OrganizationId, id: InvitationId) -> Result<(), Error> {
        let (_, standing) = self.organization(organization).await?;
        standing.require(Permission::WriteMembers)?;
        let invitation = self.transaction.invitation(id, self.now).await?;
        let invitation = invitation.filter(|found| found.organization == organization).ok_or_else(not_found)?;
        self.check_may_end(&invitation).await?;
        self.transaction.delete_invitation(id).await?;
        self.note("email", invitation.email);
        Ok(())
    }

    /// Refuses with `exceeds_creator` to end an admin's invitation, unless it is an admin who does.
    async fn check_may_end(&mut self, invitation: &Invitation) -> Result<(), Error> {
        if invitation.role == OrganizationRole::Admin && !self.is_admin(invitation.organization).await? {
            return Err(exceeds("the invitation"));
        }
        Ok(())
    }

    /// Whether the actor is an admin. What an admin may do grows with the catalogue, so that nobody else has all of it.
    pub(in crate::registry) async fn is_admin(&mut self, organization: OrganizationId) -> Result<bool, Error> {
        let person = match &self.actor.who {
            Who::Operator | Who::System => return Ok(true),
            Who::Key { .. } => return Ok(false),
            Who::Member(signed_in) => signed_in.person,
        };
        let membership = self.transaction.membership(organization, person).await?;
        Ok(membership.is_some_and(|membership| membership.role == OrganizationRole::Admin))
    }

    fn note_invitation(&mut self, invitation: &Invitation) {
        self.note("email", invitation.email.clone());
        self.note("role", invitation.role.to_string());
        if !invitation.workspaces.is_empty() {
            let workspaces = invitation.workspaces.iter().map(|(id, role)| format!("{id}={role}"));
            self.note("workspaces", workspaces.collect::<Vec<_>>().join(" "));
        }
    }
}

fn exceeds(place: &str) -> Error {
    Error::new(ErrorCode::ExceedsCreator, format!("the role in {place} permits more than you may do there"))
}

fn already_member() -> Error {
    Error::new(ErrorCode::Conflict, "whoever has this address is a member already")
}
