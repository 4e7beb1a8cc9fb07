use doorkey_core::{ErrorCode, InvitationId, OrganizationId};

use super::already_member;
use crate::actor::Actor;
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::password::NewPassword;
use crate::registry::people::account::NewAccount;
use crate::registry::people::{Secret, SignedInNow, Visit, link_refused};
use crate::registry::{Change, Registry};
use crate::store::Invitation;

/// As whom somebody accepts an invitation.
#[derive(Debug)]
pub(crate) enum Account {
    /// Nobody has the address yet.
    New { name: String, password: NewPassword },
    /// Whoever has the address, signed in.
    Own(Actor),
}

/// What accepting came to.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) organization: OrganizationId,
    /// Of a new account.
    pub(crate) signed_in: Option<SignedInNow>,
}

impl Registry {
    /// Accepts an invitation, which ends with that.
    ///
    /// Fails with `sign_in_refused` for a link that is not good and for somebody else than the invited, and with
    /// `conflict` for a new account where there is one, for a member, and for what was archived or deleted meanwhile.
    pub(crate) async fn accept_invitation(
        &self,
        visit: &Visit,
        token: &str,
        account: Account,
    ) -> Result<Invited, Error> {
        let token = Secret::parse(token).ok_or_else(link_refused)?.hash();
        let target = Target::new(InvitationId::PREFIX);
        match account {
            Account::Own(actor) => {
                let mut change = self.change(&actor, Action::AcceptInvitation, target).await?;
                let done = change.accept_as_oneself(&token).await;
                change.finish(done).await
            }
            Account::New { name, password } => {
                // Looked up first: who has no link must not cost a hash.
                let mut reader = self.store.read().await?;
                let found = reader.invitation_with(&token, self.clock.now()).await?.ok_or_else(link_refused)?;
                if reader.credentials(&found.email).await?.is_some() {
                    return Err(sign_in_first());
                }
                drop(reader);
                let email = found.email.parse()?;
                let account = self.make_account(visit, &email, &name, password, false).await?;
                let actor = account.sign_in.actor(visit);
                let mut change = self.change(&actor, Action::AcceptInvitation, target).await?;
                let done = change.accept_as_new(&token, account).await;
                change.finish(done).await
            }
        }
    }
}

impl Change<'_> {
    async fn accept_as_oneself(&mut self, token: &[u8; 32]) -> Result<Invited, Error> {
        let invitation = self.open_invitation(token).await?;
        if self.actor.signed_in().is_none_or(|signed_in| signed_in.email != invitation.email) {
            return Err(Error::new(ErrorCode::SignInRefused, "the invitation is for another address"));
        }
        self.join(&invitation).await?;
        Ok(Invited { organization: invitation.organization, signed_in: None })
    }

    async fn accept_as_new(&mut self, token: &[u8; 32], account: NewAccount) -> Result<Invited, Error> {
        let invitation = self.open_invitation(token).await?;
        if invitation.email != account.person.email {
            return Err(link_refused());
        }
        if self.transaction.credentials(&invitation.email).await?.is_some() {
            return Err(sign_in_first());
        }
        self.insert_account(&account).await?;
        self.join(&invitation).await?;
        let signed_in = self.insert_sign_in(account.sign_in).await?;
        Ok(Invited { organization: invitation.organization, signed_in: Some(signed_in) })
    }

    async fn open_invitation(&mut self, token: &[u8; 32]) -> Result<Invitation, Error> {
        let invitation = self.transaction.invitation_with(token, self.now).await?.ok_or_else(link_refused)?;
        self.concerns(invitation.organization, None);
        self.is_done_to(invitation.id);
        Ok(invitation)
    }

    /// Makes the actor a member of what the invitation names.
    async fn join(&mut self, invitation: &Invitation) -> Result<(), Error> {
        let Invitation { organization, role, .. } = *invitation;
        let Some(person) = self.actor.person() else { return Err(link_refused()) };
        self.check_in_use(organization, None).await?;
        if self.transaction.membership(organization, person).await?.is_some() {
            return Err(already_member());
        }
        let in_workspaces = invitation.workspaces.iter().filter_map(|(_, role)| role.custom());
        for custom in role.custom().into_iter().chain(in_workspaces) {
            if self.transaction.role(custom).await?.is_none_or(|role| role.organization != organization) {
                return Err(Error::new(ErrorCode::Conflict, "the role was deleted: ask for another invitation"));
            }
        }
        self.transaction.delete_invitation(invitation.id).await?;
        self.transaction.put_membership(organization, person, role, self.now).await?;
        for (workspace, role) in &invitation.workspaces {
            self.transaction.put_workspace_membership(*workspace, organization, person, *role, self.now).await?;
        }
        self.note_invitation(invitation);
        Ok(())
    }
}

fn sign_in_first() -> Error {
    Error::new(ErrorCode::Conflict, "there is an account with this address: sign in to accept")
}
