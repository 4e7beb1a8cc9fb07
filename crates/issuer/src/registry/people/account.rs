//! What makes an account: a person, a sealed password, and the checking of it.

use doorkey_core::MemberId;
use doorkey_verifier::random;
use zeroize::Zeroizing;

use super::back_off::{MAX_CONFIRMATIONS, Subjects};
use super::sign_in::{NewSignIn, Visit};
use super::{Email, sign_in_refused};
use crate::actor::{Actor, RequestContext, SignedIn, Who};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::password::{Asker, NewPassword, Password};
use crate::registry::{Change, Registry, terms};
use crate::store::{Credentials, Person};

/// What passwords are sealed for.
const PURPOSE: &str = "password";

/// Somebody who is about to exist.
pub(super) struct NewAccount {
    pub(super) person: Person,
    sealed_password: Vec<u8>,
    pub(super) sign_in: NewSignIn,
}

/// Somebody whose password was right a moment ago.
pub(super) struct Checked {
    credentials: Credentials,
    subjects: Subjects,
}

impl Checked {
    pub(super) fn person(&self) -> &Person {
        &self.credentials.person
    }
}

impl Registry {
    /// Makes an account and hashes its password, which takes too long for a transaction. Nothing is written.
    pub(super) async fn make_account(
        &self,
        visit: &Visit,
        email: &Email,
        name: &str,
        password: NewPassword,
        is_operator: bool,
    ) -> Result<NewAccount, Error> {
        check_name(name)?;
        password.check_not(email.as_str())?;
        let person = Person {
            id: self.new_id(),
            email: email.as_str().to_owned(),
            name: name.to_owned(),
            is_operator,
            created_at: self.clock.now(),
            revision: 1,
        };
        let sealed_password = self.seal_password(person.id, password).await?;
        Ok(NewAccount { sealed_password, sign_in: self.make_sign_in(visit, &person), person })
    }

    /// The sealed hash of a password.
    pub(super) async fn seal_password(&self, person: MemberId, password: NewPassword) -> Result<Vec<u8>, Error> {
        let hash = self.people.passwords.hash(password, random(self.entropy())).await?;
        self.vault.seal(PURPOSE, person.as_bytes(), hash.as_bytes(), self.entropy())
    }

    fn open_password(&self, credentials: &Credentials) -> Result<Zeroizing<String>, Error> {
        let hash = self.vault.open(PURPOSE, credentials.person.id.as_bytes(), &credentials.sealed_password);
        let hash = hash.map_err(Error::store)?;
        std::str::from_utf8(&hash).map(|hash| Zeroizing::new(hash.to_owned())).map_err(Error::store)
    }

    /// Checks whoever has the address by the password, at most as often as the back-off lets: with the same answer, and
    /// the same work, whether there is nobody of this address or the password is wrong. The audit has the failures of
    /// those who exist; of whom only waits it has nothing, or anybody could fill it.
    ///
    /// Fails with `sign_in_refused` and with `rate_limited`.
    pub(super) async fn check_password(
        &self,
        action: Action,
        target: Target,
        request: &RequestContext,
        email: &str,
        password: Password,
    ) -> Result<Checked, Error> {
        let subjects = self.subjects_of_sign_in(email, request).await?;
        self.reserve_attempt(&subjects).await?;
        match self.try_password(&subjects, Asker::Stranger(request.address), email, password).await? {
            (Some(credentials), true) => Ok(Checked { credentials, subjects }),
            (Some(Credentials { person, .. }), false) => {
                // For lack of anybody who has signed in it is the person concerned.
                let who = Who::Member(self.make_signed_in(&person));
                let actor = Actor { who, request: Some(request.clone()) };
                let change = self.change(&actor, action, target).await?;
                change.finish(Err(sign_in_refused())).await
            }
            (None, _) => {
                self.note_nobody(&subjects).await?;
                Err(sign_in_refused())
            }
        }
    }

    /// Checks the password of who has signed in already. Strangers' failures do not keep them from it, and those of their
    /// own end the sign-in when there are too many in a row.
    ///
    /// Fails with `sign_in_refused` and with `rate_limited`.
    pub(super) async fn check_own_password(
        &self,
        action: Action,
        target: Target,
        actor: &Actor,
        own: &SignedIn,
        password: Password,
    ) -> Result<Checked, Error> {
        let subjects = self.subjects_of_confirmation(own.sign_in);
        let attempts = self.reserve_attempt(&subjects).await?;
        if let (Some(credentials), true) = self.try_password(&subjects, Asker::Known, &own.email, password).await? {
            return Ok(Checked { credentials, subjects });
        }
        let change = self.change(actor, action, target).await?;
        let refused = change.finish(Err(sign_in_refused())).await;
        if attempts >= MAX_CONFIRMATIONS {
            self.end_guessed_sign_in(actor, own).await?;
        }
        refused
    }

    async fn end_guessed_sign_in(&self, actor: &Actor, own: &SignedIn) -> Result<(), Error> {
        let mut change = self.change(actor, Action::EndSignIn, own.sign_in.into()).await?;
        if !change.transaction.delete_sign_in(own.sign_in, own.person).await? {
            // It has ended meanwhile, and whoever ended it has noted that.
            return change.transaction.roll_back().await;
        }
        change.note("failed_confirmations", MAX_CONFIRMATIONS);
        change.finish(Ok(())).await
    }

    /// Looks at a password whose attempt is counted; takes the attempt back when it cannot.
    async fn try_password(
        &self,
        subjects: &Subjects,
        asker: Asker,
        email: &str,
        password: Password,
    ) -> Result<(Option<Credentials>, bool), Error> {
        let tried = self.is_password_of(asker, email, password).await;
        if tried.is_err() {
            self.give_attempt_back(subjects).await?;
        }
        tried
    }

    async fn is_password_of(
        &self,
        asker: Asker,
        email: &str,
        password: Password,
    ) -> Result<(Option<Credentials>, bool), Error> {
        let credentials = self.store.read().await?.credentials(email).await?;
        let hash = credentials.as_ref().map(|credentials| self.open_password(credentials)).transpose()?;
        let is_right = self.people.passwords.verify(asker, password, hash).await?;
        Ok((credentials, is_right))
    }
}

impl Change<'_> {
    /// Writes a new account.
    pub(super) async fn insert_account(&mut self, account: &NewAccount) -> Result<(), Error> {
        self.transaction.insert_person(&account.person, &account.sealed_password).await
    }

    /// Refuses with `sign_in_refused` when the password that was right has been changed since; forgets the failures
    /// before it.
    pub(super) async fn accept_checked(&mut self, checked: &Checked) -> Result<(), Error> {
        let now = self.transaction.credentials(&checked.person().email).await?;
        if now.is_none_or(|now| now.sealed_password != checked.credentials.sealed_password) {
            return Err(sign_in_refused());
        }
        self.transaction.attempt_was_right(&checked.subjects).await
    }
}

/// Refuses with `invalid_input` what cannot be a person's name.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    if terms::is_name(name) {
        return Ok(());
    }
    Err(Error::invalid("name", "1 to 100 characters on one line, without spaces around them"))
}
