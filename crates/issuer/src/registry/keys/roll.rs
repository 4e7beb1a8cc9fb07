use doorkey_core::{ErrorCode, KeyId};

use super::check_unprotected;
use super::create::check_within;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::registry::{Change, CreatedKey, Registry};
use crate::store::{KeyOwner, KeyRecord, KeyState};

/// When the old key ends, once it has been rolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// At once.
    None,
    /// After one of [`Grace::PERIODS`], in seconds.
    For(u64),
    /// At a time, in Unix seconds, at most a year from now.
    Until(u64),
    /// When the new key is first used.
    FirstUse,
}

impl Grace {
    /// 1 hour, 24 hours, 3 days and 7 days, in seconds.
    pub const PERIODS: [u64; 4] = [3600, 86_400, 259_200, 604_800];

    const LONGEST: u64 = 366 * 86_400;

    /// The end of the old key, and whether the new one's first use ends it.
    fn resolve(self, now: u64) -> Result<(Option<u64>, bool), Error> {
        match self {
            Self::None => Ok((Some(now), false)),
            Self::For(period) if Self::PERIODS.contains(&period) => Ok((Some(now + period), false)),
            Self::For(_) => Err(Error::invalid("grace", "1 hour, 24 hours, 3 days or 7 days")),
            Self::Until(time) if time > now && time <= now + Self::LONGEST => Ok((Some(time), false)),
            Self::Until(_) => Err(Error::invalid("grace", "Unix seconds, later than now and within a year")),
            Self::FirstUse => Ok((None, true)),
        }
    }
}

impl Registry {
    /// Makes a key with the same rights that takes another one's place, and lets that one end as `grace` says.
    ///
    /// Takes the password again, and all that the key may do: whoever rolls a key gets to hold it. A personal key is
    /// rolled by its owner alone. Fails with `key_protected`, and with `conflict` for a key that is not active or whose
    /// own predecessor has not ended yet.
    pub(crate) async fn roll_key(
        &self,
        actor: &Actor,
        key: KeyId,
        grace: Grace,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedKey, Error> {
        let mut change = self.change(actor, Action::RollKey, key.into()).await?;
        let done = self.roll_key_in(&mut change, key, grace, idempotency).await;
        change.finish(done).await
    }

    async fn roll_key_in(
        &self,
        change: &mut Change<'_>,
        key: KeyId,
        grace: Grace,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedKey, Error> {
        if let Some(id) = change.recall(idempotency).await? {
            let (record, _) = change.key_to_change(id).await?;
            return Ok(CreatedKey::Again { record });
        }
        let (mut old, standing) = change.key_to_change(key).await?;
        change.require_password()?;
        check_unprotected(&old)?;
        change.check_in_use(old.organization, old.workspace).await?;
        if old.state(change.now) != KeyState::Active {
            let state = old.state(change.now).as_str();
            return Err(Error::new(ErrorCode::Conflict, format!("this key is {state}: only an active one is rolled")));
        }
        if let KeyOwner::Personal(owner) = old.owner
            && change.actor.person() != Some(owner)
        {
            return Err(Error::new(ErrorCode::ExceedsCreator, "a personal key is rolled by its owner alone"));
        }
        check_within(&change.known(&old.scopes), &standing)?;
        // Otherwise one key after the other could be left behind, all of them alive.
        if let Some(before) = old.rolled_from
            && let Some(before) = change.transaction.key(before).await?
            && before.state(change.now) != KeyState::Revoked
        {
            return Err(Error::new(ErrorCode::Conflict, "the key before this one has not ended yet: revoke it first"));
        }
        let (ends_at, ends_on_use) = grace.resolve(change.now)?;
        let created = self.complete(self.successor(&old, change));
        change.transaction.insert_key(created.record()).await?;
        let new = created.record().id;
        old.rolled_to = Some(new);
        old.ends_on_use = ends_on_use;
        if grace == Grace::None {
            old.revoked_at = ends_at;
        } else {
            old.ends_at = ends_at;
        }
        change.write_key(old).await?;
        change.remember(idempotency, new).await?;
        change.note("rolled_to", new.to_string());
        change.note("ends", ends_at.map_or_else(|| "first_use".into(), serde_json::Value::from));
        Ok(created)
    }

    /// A key with the same rights; what happened to the old one stays with that.
    fn successor(&self, old: &KeyRecord, change: &Change<'_>) -> KeyRecord {
        KeyRecord {
            id: self.new_id(),
            scopes: change.known(&old.scopes),
            brand: Some(change.settings.brand().cloned()),
            public_key: None,
            last_four: None,
            shadow_refusals: 0,
            created_by: change.actor.person(),
            created_at: change.now,
            // As long after its making as that of the old one was.
            rotation_due_at: old.rotation_due_at.map(|due| change.now + due.saturating_sub(old.created_at)),
            last_used_at: None,
            leaked_at: None,
            rolled_from: Some(old.id),
            revision: 1,
            ..old.clone()
        }
    }
}
