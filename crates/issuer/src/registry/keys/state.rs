use doorkey_core::{ErrorCode, KeyId};

use super::check_unprotected;
use super::create::check_within;
use crate::access::Permission;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::registry::{Change, CreatedKey, Registry};
use crate::store::{KeyOwner, KeyRecord, KeyState};

impl Registry {
    /// Revokes a key for good; one that is revoked already stays as it is.
    ///
    /// Fails with `key_protected`, and with `last_key` for the last active secret key of its workspace.
    pub async fn revoke_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::RevokeKey, key.into()).await?;
        let done = revoke(&mut change, key).await;
        change.finish(done).await
    }

    /// Revokes a key that was just created and that nobody has seen. Neither its protection nor its being the last of its
    /// workspace speaks against that.
    ///
    /// Fails with `conflict` when it was seen before, or has changed or been used since.
    pub async fn withdraw_key(&self, actor: &Actor, created: CreatedKey) -> Result<(), Error> {
        let key = created.record().id;
        let mut change = self.change(actor, Action::RevokeKey, key.into()).await?;
        let done = withdraw(&mut change, &created).await;
        change.finish(done).await
    }

    /// Disables a key until it is enabled again. Fails as [`revoke_key`](Self::revoke_key) does, and with `conflict` for
    /// one that is revoked.
    pub(crate) async fn disable_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::DisableKey, key.into()).await?;
        let done = disable(&mut change, key).await;
        change.finish(done).await
    }

    /// Enables a key that was disabled.
    pub(crate) async fn enable_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::EnableKey, key.into()).await?;
        let done = enable(&mut change, key).await;
        change.finish(done).await
    }

    /// Protects a key from being revoked, disabled and rolled.
    pub(crate) async fn protect_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::ProtectKey, key.into()).await?;
        let done = protect(&mut change, key).await;
        change.finish(done).await
    }

    /// Lifts the protection; that takes the password again.
    pub(crate) async fn unprotect_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::UnprotectKey, key.into()).await?;
        let done = unprotect(&mut change, key).await;
        change.finish(done).await
    }

    /// Turns a member's personal key into a service key, which outlives the membership. Takes a role that manages
    /// members, and the password again.
    pub(crate) async fn convert_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::ConvertKey, key.into()).await?;
        let done = convert(&mut change, key).await;
        change.finish(done).await
    }
}

async fn revoke(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, _) = change.key_to_change(key).await?;
    if record.revoked_at.is_some() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    check_unprotected(&record)?;
    change.check_last_key(&record, change.now).await?;
    record.revoked_at = Some(change.now);
    change.spare_predecessor(&record).await?;
    change.write_key(record).await
}

async fn withdraw(change: &mut Change<'_>, created: &CreatedKey) -> Result<(), Error> {
    let (mut record, _) = change.key_to_change(created.record().id).await?;
    let was_seen = matches!(created, CreatedKey::Again { .. });
    if was_seen || record.revision != created.record().revision || record.last_used_at.is_some() {
        return Err(Error::new(ErrorCode::Conflict, "this key was seen or changed before"));
    }
    record.revoked_at = Some(change.now);
    change.write_key(record).await?;
    Ok(())
}

async fn disable(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, _) = change.key_to_change(key).await?;
    check_unprotected(&record)?;
    check_not_revoked(&record, change.now)?;
    if record.disabled_at.is_some() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    change.check_last_key(&record, change.now).await?;
    record.disabled_at = Some(change.now);
    change.write_key(record).await
}

async fn enable(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, standing) = change.key_to_change(key).await?;
    check_within(&change.known(&record.scopes), &standing)?;
    check_not_revoked(&record, change.now)?;
    if record.disabled_at.is_none() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    record.disabled_at = None;
    change.write_key(record).await
}

async fn protect(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, _) = change.key_to_change(key).await?;
    check_not_revoked(&record, change.now)?;
    if record.protected_at.is_some() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    if record.state(change.now) == KeyState::Rolling {
        return Err(Error::new(ErrorCode::Conflict, "this key is about to be replaced: protect its successor"));
    }
    record.protected_at = Some(change.now);
    change.write_key(record).await
}

async fn unprotect(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, _) = change.key_to_change(key).await?;
    change.require_password()?;
    if record.protected_at.is_none() {
        change.has_nothing_to_do();
        return Ok(record);
    }
    record.protected_at = None;
    change.write_key(record).await
}

async fn convert(change: &mut Change<'_>, key: KeyId) -> Result<KeyRecord, Error> {
    let (mut record, standing) = change.key_to_change(key).await?;
    standing.require(Permission::WriteMembers)?;
    change.require_password()?;
    check_within(&change.known(&record.scopes), &standing)?;
    check_not_revoked(&record, change.now)?;
    let KeyOwner::Personal(owner) = record.owner else {
        return Err(Error::new(ErrorCode::Conflict, "this is a service key already"));
    };
    record.owner = KeyOwner::Service;
    change.note("owner_before", owner.to_string());
    change.write_key(record).await
}

fn check_not_revoked(key: &KeyRecord, now: u64) -> Result<(), Error> {
    if key.state(now) == KeyState::Revoked {
        return Err(Error::new(ErrorCode::Conflict, "this key is revoked for good"));
    }
    Ok(())
}

impl Change<'_> {
    /// The key that waits for the first use of one that is now revoked has nothing to wait for: it is active again.
    async fn spare_predecessor(&mut self, revoked: &KeyRecord) -> Result<(), Error> {
        if let Some(before) = revoked.rolled_from
            && let Some(mut before) = self.transaction.key(before).await?
            && before.ends_on_use
            && before.state(self.now) != KeyState::Revoked
        {
            before.ends_on_use = false;
            before.rolled_to = None;
            self.write_key(before).await?;
        }
        Ok(())
    }
}
