//! Signing in with a password.

use doorkey_core::SignInId;

use super::Email;
use super::account::Checked;
use super::sign_in::{SignedInNow, Visit};
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::password::Password;
use crate::registry::Registry;

impl Registry {
    /// Signs somebody in.
    ///
    /// Fails with `sign_in_refused`, whether there is nobody of this address or the password is wrong, and with
    /// `rate_limited` after too many failures, whether it is right this time or not.
    pub(crate) async fn sign_in(&self, visit: &Visit, email: &Email, password: Password) -> Result<SignedInNow, Error> {
        let target = Target::new(SignInId::PREFIX);
        let checked = self.check_password(Action::SignIn, target, &visit.request, email.as_str(), password).await?;
        self.sign_in_checked(visit, &checked).await
    }

    /// The second half: the password was right a moment ago.
    pub(super) async fn sign_in_checked(&self, visit: &Visit, checked: &Checked) -> Result<SignedInNow, Error> {
        let new = self.make_sign_in(visit, checked.person());
        let actor = new.actor(visit);
        let mut change = self.change(&actor, Action::SignIn, new.id().into()).await?;
        let done = async {
            change.accept_checked(checked).await?;
            change.insert_sign_in(new).await
        };
        let done = done.await;
        change.finish(done).await
    }
}
