//! The life of a key, one file for each thing that happens in it.

mod create;
mod edit;
mod read;
mod roll;
mod state;

pub use roll::Grace;

pub(super) use create::for_kind;

use doorkey_core::{ErrorCode, KeyId, KeyKind, SecretKey, VerifyingKey};

use super::Registry;
use super::change::{Change, keys_cannot_manage_keys, not_found};
use crate::access::{Permission, Standing};
use crate::actor::{Actor, RequestContext, Who};
use crate::audit::Action;
use crate::error::Error;
use crate::store::{KeyOwner, KeyRecord};

impl Change<'_> {
    /// A key that the actor may change, and where the actor stands in its place. One that the actor may not even see is
    /// `not_found`.
    pub(super) async fn key_to_change(&mut self, key: KeyId) -> Result<(KeyRecord, Standing), Error> {
        let record = self.transaction.key(key).await?.ok_or_else(not_found)?;
        let standing = self.standing(record.organization, record.workspace).await?;
        if !standing.permits(Permission::ReadKeys) {
            return Err(not_found());
        }
        standing.require(Permission::WriteKeys)?;
        Ok((record, standing))
    }

    /// Refuses with `last_key` when the workspace would be left without a secret key that can be used, once this one ends
    /// at a time. Personal keys are not counted: they go with their owners.
    pub(super) async fn check_last_key(&mut self, key: &KeyRecord, at: u64) -> Result<(), Error> {
        let counts = key.kind == KeyKind::Secret && key.owner == KeyOwner::Service && key.is_usable(self.now);
        let Some(workspace) = key.workspace.filter(|_| counts) else { return Ok(()) };
        if self.transaction.count_other_secret_keys(workspace, key.id, at).await? == 0 {
            return Err(Error::new(ErrorCode::LastKey, "this is the last active secret key of its workspace"));
        }
        Ok(())
    }
}

/// Refuses with `key_protected` a change that a protected key does not take.
pub(super) fn check_unprotected(key: &KeyRecord) -> Result<(), Error> {
    if key.protected_at.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::KeyProtected, "this key is protected"))
}

impl Registry {
    /// Every key, revoked ones too, the oldest first; for the command line.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, Error> {
        self.store.read().await?.all_keys().await
    }

    /// Notes in the audit that a key tried to manage something, if the caller holds its secret: once a minute, for nobody
    /// shall fill the audit with a key that was found somewhere.
    pub(crate) async fn note_key_try(&self, key: &SecretKey, request: RequestContext) -> Result<(), Error> {
        let public_key = key.signing_key().verifying_key();
        let Some(record) = self.key(key.id()).await? else { return Ok(()) };
        if record.public_key.as_ref() != Some(public_key.as_bytes())
            || !self.tries.is_first_of(key.id(), self.clock().now())
        {
            return Ok(());
        }
        let who = Who::Key { id: record.id, name: record.shown_name() };
        let actor = Actor { who, request: Some(request) };
        let mut change = self.change(&actor, Action::ManageWithKey, record.id.into()).await?;
        change.concerns(record.organization, record.workspace);
        match change.finish::<()>(Err(keys_cannot_manage_keys())).await {
            Err(error) if error.code() != ErrorCode::KeysCannotManageKeys => Err(error),
            _ => Ok(()),
        }
    }

    /// Notes that a secret key reached a page, if there is such a key; says so once in the log and in the audit.
    pub(crate) async fn record_leak(&self, key: &SecretKey) -> Result<(), Error> {
        let public_key: VerifyingKey = key.signing_key().verifying_key();
        // Looked up first: who sends made-up keys must not hold the one lock for writing.
        let Some(record) = self.key(key.id()).await? else { return Ok(()) };
        if record.public_key.as_ref() != Some(public_key.as_bytes()) || record.leaked_at.is_some() {
            return Ok(());
        }
        let actor = Actor::system();
        let mut change = self.change(&actor, Action::LeakKey, record.id.into()).await?;
        change.concerns(record.organization, record.workspace);
        let is_first = change.transaction.record_leak(key.id(), &public_key, change.now).await;
        if matches!(is_first, Ok(false)) {
            return Ok(());
        }
        change.finish(is_first).await?;
        tracing::warn!(key_id = %key.id(), "a secret key was sent from a web page: revoke it");
        Ok(())
    }
}
