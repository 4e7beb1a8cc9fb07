//! What people do to their own account, and to nobody else's.

use doorkey_core::{ErrorCode, MemberId, SignInId};

use super::account::{Checked, check_name};
use crate::actor::{Actor, SignedIn, Who};
use crate::audit::Action;
use crate::error::Error;
use crate::password::{NewPassword, Password};
use crate::registry::{Change, Registry, keys_cannot_manage_keys, not_found};
use crate::store::{LinkPurpose, Person, SignIn};

impl Registry {
    /// The sign-ins of a person that count, the newest first; at most 100.
    pub(crate) async fn sign_ins(&self, person: MemberId) -> Result<Vec<SignIn>, Error> {
        let now = self.clock.now();
        let all = self.store.read().await?.sign_ins_of(person).await?;
        Ok(all.into_iter().rev().filter(|sign_in| sign_in.is_live(now)).collect())
    }

    /// Ends one of the actor's sign-ins, at once. Fails with `not_found`.
    pub(crate) async fn end_sign_in(&self, actor: &Actor, id: SignInId) -> Result<(), Error> {
        let own = own(actor)?;
        let mut change = self.change(actor, Action::EndSignIn, id.into()).await?;
        let done = match change.transaction.delete_sign_in(id, own.person).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(not_found()),
            Err(error) => Err(error),
        };
        change.finish(done).await
    }

    /// Ends the sign-in that the actor uses. Fails with `not_found` when it has ended already.
    pub(crate) async fn sign_out(&self, actor: &Actor) -> Result<(), Error> {
        self.end_sign_in(actor, own(actor)?.sign_in).await
    }

    /// Ends all of the actor's sign-ins but the one in use; says how many.
    pub(crate) async fn end_other_sign_ins(&self, actor: &Actor) -> Result<u64, Error> {
        let own = own(actor)?;
        let mut change = self.change(actor, Action::EndSignIn, own.person.into()).await?;
        let done = change.transaction.delete_sign_ins(own.person, Some(own.sign_in)).await;
        change.note("ended", *done.as_ref().unwrap_or(&0));
        change.finish(done).await
    }

    /// Asks the password again, for what takes that. Fails with `sign_in_refused` and `rate_limited`; the tenth failure in a
    /// row ends the sign-in.
    pub(crate) async fn confirm_password(&self, actor: &Actor, password: Password) -> Result<(), Error> {
        let own = own(actor)?;
        let action = Action::ConfirmPassword;
        let checked = self.check_own_password(action, own.sign_in.into(), actor, own, password).await?;
        let mut change = self.change(actor, action, own.sign_in.into()).await?;
        let done = change.confirm(own, &checked).await;
        change.finish(done).await
    }

    /// Changes the actor's password and ends all other sign-ins, and any recovery link.
    ///
    /// Fails with `sign_in_refused` when `current` is wrong, with `rate_limited` and with `invalid_input`; the tenth failure
    /// in a row ends the sign-in.
    pub(crate) async fn change_password(
        &self,
        actor: &Actor,
        current: Password,
        new: NewPassword,
    ) -> Result<(), Error> {
        let own = own(actor)?;
        new.check_not(&own.email)?;
        let action = Action::ChangePassword;
        let checked = self.check_own_password(action, own.person.into(), actor, own, current).await?;
        let sealed = self.seal_password(own.person, new).await?;
        let mut change = self.change(actor, action, own.person.into()).await?;
        let done = change.change_password(own, &checked, &sealed).await;
        change.finish(done).await
    }

    /// Changes the actor's name. Fails with `invalid_input`.
    pub(crate) async fn update_person(&self, actor: &Actor, name: &str) -> Result<Person, Error> {
        let own = own(actor)?;
        let mut change = self.change(actor, Action::UpdatePerson, own.person.into()).await?;
        let done = change.rename(own.person, name).await;
        change.finish(done).await
    }
}

impl Change<'_> {
    async fn confirm(&mut self, own: &SignedIn, checked: &Checked) -> Result<(), Error> {
        self.accept_checked(checked).await?;
        if self.transaction.confirm_sign_in(own.sign_in, self.now).await? { Ok(()) } else { Err(ended()) }
    }

    async fn change_password(&mut self, own: &SignedIn, checked: &Checked, sealed: &[u8]) -> Result<(), Error> {
        self.accept_checked(checked).await?;
        if !self.transaction.sign_ins_of(own.person).await?.iter().any(|sign_in| sign_in.id == own.sign_in) {
            return Err(ended());
        }
        self.transaction.update_password(own.person, sealed).await?;
        self.transaction.delete_links(LinkPurpose::Recovery(own.person)).await?;
        let ended = self.transaction.delete_sign_ins(own.person, Some(own.sign_in)).await?;
        self.note("ended_sign_ins", ended);
        Ok(())
    }

    async fn rename(&mut self, person: MemberId, name: &str) -> Result<Person, Error> {
        check_name(name)?;
        self.transaction.update_person(person, name).await?;
        self.note("name", name);
        self.transaction.person(person).await?.ok_or_else(not_found)
    }
}

/// Who has signed in; nobody else has an account.
fn own(actor: &Actor) -> Result<&SignedIn, Error> {
    match &actor.who {
        Who::Member(signed_in) => Ok(signed_in),
        Who::Key { .. } => Err(keys_cannot_manage_keys()),
        Who::Operator | Who::System => {
            Err(Error::new(ErrorCode::SignInRefused, "this takes somebody who has signed in"))
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorCode::SignInRefused, "the sign-in has ended")
}
