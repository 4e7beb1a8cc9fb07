//! The first person: whoever reads the issuer's own output, once.

use doorkey_core::MemberId;

use super::account::NewAccount;
use super::sign_in::{SignedInNow, Visit};
use super::{Email, Link, Secret, link_refused};
use crate::access::OrganizationRole;
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::password::NewPassword;
use crate::registry::{Change, Registry, not_found};
use crate::store::LinkPurpose;

/// How long a setup link is good for, in seconds.
const GOOD_FOR: u64 = 24 * 3600;

impl Registry {
    /// A link with which one person becomes the operator, as long as there is nobody yet: `{public_url}/setup#token=…`,
    /// good for 24 hours, in place of every link before it. `None` once there is somebody.
    pub async fn setup_link(&self) -> Result<Option<Link>, Error> {
        if self.store.read().await?.has_people().await? {
            return Ok(None);
        }
        let mut transaction = self.store.begin().await?;
        if transaction.has_people().await? {
            return Ok(None);
        }
        let secret = Secret::new(self.entropy());
        transaction.replace_link(LinkPurpose::Setup, &secret.hash(), self.clock.now() + GOOD_FOR).await?;
        transaction.commit().await?;
        Ok(Some(secret.link(self.settings().public_url(), "setup")))
    }

    /// Makes the first person, an operator and admin of the oldest organization, and signs them in. Of two at once
    /// exactly one wins.
    ///
    /// Fails with `sign_in_refused` for a link that is not good, and with `invalid_input`.
    pub(crate) async fn set_up(
        &self,
        visit: &Visit,
        token: &str,
        email: &Email,
        name: &str,
        password: NewPassword,
    ) -> Result<SignedInNow, Error> {
        let token = Secret::parse(token).ok_or_else(link_refused)?.hash();
        // Looked up first: who has no link must not cost a hash.
        if self.store.read().await?.link(&token, self.clock.now()).await? != Some(LinkPurpose::Setup) {
            return Err(link_refused());
        }
        let account = self.make_account(visit, email, name, password, true).await?;
        let actor = account.sign_in.actor(visit);
        let mut change = self.change(&actor, Action::SetUp, Target::new(MemberId::PREFIX)).await?;
        let done = change.set_up(&token, account).await;
        change.finish(done).await
    }
}

impl Change<'_> {
    async fn set_up(&mut self, token: &[u8; 32], account: NewAccount) -> Result<SignedInNow, Error> {
        let link = self.transaction.link(token, self.now).await?;
        if link != Some(LinkPurpose::Setup) || self.transaction.has_people().await? {
            return Err(link_refused());
        }
        self.transaction.delete_links(LinkPurpose::Setup).await?;
        self.insert_account(&account).await?;
        let organization = self.transaction.first_workspace().await?.ok_or_else(not_found)?.organization;
        let person = account.person.id;
        self.transaction.put_membership(organization, person, OrganizationRole::Admin, self.now).await?;
        self.concerns(organization, None);
        self.is_done_to(person);
        self.note("email", account.person.email);
        self.insert_sign_in(account.sign_in).await
    }
}
