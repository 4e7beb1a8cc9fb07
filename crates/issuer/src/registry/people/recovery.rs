//! The way back in for somebody who has lost the password: the operator hands over a link.

use doorkey_core::{ErrorCode, MemberId};

use super::back_off::Subjects;
use super::sign_in::{NewSignIn, SignedInNow, Visit};
use super::{Email, Link, Secret, link_refused};
use crate::actor::{Actor, Who};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::password::NewPassword;
use crate::registry::{Change, Registry};
use crate::store::LinkPurpose;

/// How long a recovery link is good for, in seconds.
const GOOD_FOR: u64 = 3600;

impl Registry {
    /// A link with which somebody gets a new password: `{public_url}/recover#token=…`, good for an hour, in place of
    /// every link before it. Only [`Actor::operator`] can make one.
    ///
    /// Fails with `insufficient_scope`, and with `not_found` when nobody has the address.
    pub async fn recovery_link(&self, actor: &Actor, email: &Email) -> Result<Link, Error> {
        let mut change = self.change(actor, Action::RecoverPerson, Target::new(MemberId::PREFIX)).await?;
        let secret = Secret::new(self.entropy());
        let done = change.make_recovery_link(email, &secret).await;
        change.finish(done).await?;
        Ok(secret.link(self.settings().public_url(), "recover"))
    }

    /// Gives the person of the link a new password, ends all their sign-ins and signs them in.
    ///
    /// Fails with `sign_in_refused` for a link that is not good, and with `invalid_input`.
    pub(crate) async fn recover(
        &self,
        visit: &Visit,
        token: &str,
        password: NewPassword,
    ) -> Result<SignedInNow, Error> {
        let token = Secret::parse(token).ok_or_else(link_refused)?.hash();
        let mut reader = self.store.read().await?;
        // Looked up first: who has no link must not cost a hash.
        let Some(LinkPurpose::Recovery(id)) = reader.link(&token, self.clock.now()).await? else {
            return Err(link_refused());
        };
        let person = reader.person(id).await?.ok_or_else(link_refused)?;
        drop(reader);
        password.check_not(&person.email)?;
        let sealed = self.seal_password(id, password).await?;
        let new = self.make_sign_in(visit, &person);
        let (actor, subjects) = (new.actor(visit), self.subjects(&person.email, &visit.request));
        let mut change = self.change(&actor, Action::RecoverPerson, id.into()).await?;
        let done = change.recover(&token, id, &sealed, new, &subjects).await;
        change.finish(done).await
    }
}

impl Change<'_> {
    async fn make_recovery_link(&mut self, email: &Email, secret: &Secret) -> Result<(), Error> {
        if !matches!(self.actor.who, Who::Operator) {
            return Err(Error::new(ErrorCode::InsufficientScope, "this takes the operator, on the command line"));
        }
        let found = self.transaction.credentials(email.as_str()).await?;
        let person = found.ok_or_else(|| Error::new(ErrorCode::NotFound, "nobody has this address"))?.person;
        self.is_done_to(person.id);
        self.note("link", "made");
        let purpose = LinkPurpose::Recovery(person.id);
        self.transaction.replace_link(purpose, &secret.hash(), self.now + GOOD_FOR).await
    }

    async fn recover(
        &mut self,
        token: &[u8; 32],
        person: MemberId,
        sealed: &[u8],
        new: NewSignIn,
        subjects: &Subjects,
    ) -> Result<SignedInNow, Error> {
        let purpose = LinkPurpose::Recovery(person);
        if self.transaction.link(token, self.now).await? != Some(purpose) {
            return Err(link_refused());
        }
        self.transaction.delete_links(purpose).await?;
        self.transaction.update_password(person, sealed).await?;
        self.transaction.clear_back_off(subjects).await?;
        let ended = self.transaction.delete_sign_ins(person, None).await?;
        self.note("link", "used");
        self.note("ended_sign_ins", ended);
        self.insert_sign_in(new).await
    }
}
