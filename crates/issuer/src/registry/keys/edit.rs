use doorkey_core::{ErrorCode, KeyId, ScopeSet};

use super::super::terms;
use super::check_unprotected;
use super::create::check_within;
use crate::actor::Actor;
use crate::audit::Action;
use crate::error::Error;
use crate::registry::{Change, Expected, KeyChanges, Registry};
use crate::store::{KeyOwner, KeyRecord, KeyState, Tenant};

/// What holds a key back.
const RESTRICTIONS: [&str; 10] = [
    "workspaces",
    "origins",
    "cidrs",
    "rate_limit",
    "monthly_quota",
    "limits",
    "shadow",
    "session_lifetime",
    "expires_at",
    "requires_grant",
];

/// Puts what is there in place of what was, and yields the names of what changed.
macro_rules! apply {
    ($key:ident, $changes:ident, $($member:ident),+) => {{
        let mut changed = Vec::new();
        $(if let Some(value) = $changes.$member.clone()
            && $key.$member != value
        {
            $key.$member = value;
            changed.push(stringify!($member));
        })+
        changed
    }};
}

impl Registry {
    /// Changes a key, whatever its revision is. Fails as [`create_key`](Self::create_key) does, and with `conflict` for a key
    /// that is revoked.
    pub async fn change_key(&self, actor: &Actor, key: KeyId, changes: &KeyChanges) -> Result<KeyRecord, Error> {
        self.edit_key(actor, key, changes, &|_| Ok(())).await
    }

    /// Changes what a key is called, what it may do and how it is restricted.
    ///
    /// Scopes that are added must be the actor's own, and of a personal key its owner's too. Fails as
    /// [`create_key`](Self::create_key) does, with `precondition_failed`, and with `conflict` for a key that is revoked.
    pub(crate) async fn edit_key(
        &self,
        actor: &Actor,
        key: KeyId,
        changes: &KeyChanges,
        expected: Expected<'_>,
    ) -> Result<KeyRecord, Error> {
        let mut change = self.change(actor, Action::UpdateKey, key.into()).await?;
        let done = self.edit_key_in(&mut change, key, changes, expected).await;
        change.finish(done).await
    }

    async fn edit_key_in(
        &self,
        change: &mut Change<'_>,
        key: KeyId,
        changes: &KeyChanges,
        expected: Expected<'_>,
    ) -> Result<KeyRecord, Error> {
        let (before, standing) = change.key_to_change(key).await?;
        expected(before.revision)?;
        if before.state(change.now) == KeyState::Revoked {
            return Err(Error::new(ErrorCode::Conflict, "this key is revoked for good"));
        }
        let mut record = before.clone();
        let members = apply!(
            record,
            changes,
            name,
            description,
            metadata,
            scopes,
            workspaces,
            origins,
            cidrs,
            rate_limit,
            monthly_quota,
            limits,
            shadow,
            session_lifetime,
            expires_at,
            rotation_due_at,
            requires_grant
        );
        record.origins.sort();
        record.origins.dedup();
        if members.is_empty() {
            change.has_nothing_to_do();
            return Ok(before);
        }
        if members.contains(&"workspaces") {
            if record.workspace.is_some() {
                return Err(Error::invalid("workspaces", "is for keys of an organization"));
            }
            change.check_workspaces(record.organization, record.workspaces.as_deref()).await?;
        }
        terms::check(&record, Some(&before), &change.settings, change.now)?;
        if ends_earlier(&record, &before) {
            // As good as revoking it.
            check_unprotected(&before)?;
            change.check_last_key(&before, record.expires_at.unwrap_or(change.now)).await?;
        }
        if members.iter().any(|member| RESTRICTIONS.contains(member)) && !ends_earlier(&record, &before) {
            // Whoever may loosen what holds a key back could use it for all that it may do.
            check_within(&change.known(&before.scopes), &standing)?;
        }
        if before.state(change.now) == KeyState::Expired && record.state(change.now) != KeyState::Expired {
            let tenant = Tenant { organization: record.organization, workspace: record.workspace };
            change.check_key_limit(tenant).await?;
        }
        let added = record.scopes.iter().filter(|scope| !before.scopes.permits(scope)).cloned().collect();
        check_within(&added, &standing)?;
        if let KeyOwner::Personal(owner) = record.owner {
            let of_owner =
                self.standing_of(&mut change.transaction, owner, record.organization, record.workspace).await?;
            match of_owner {
                Some(of_owner) => check_within(&added, &of_owner)?,
                None => return Err(Error::new(ErrorCode::ExceedsCreator, "the key's owner has no part in this")),
            }
        }
        change.note("changed", members);
        if record.scopes != before.scopes {
            change.note("scopes", record.scopes.to_string());
        }
        change.write_key(record).await
    }
}

/// Whether a key ends before it would have.
fn ends_earlier(key: &KeyRecord, before: &KeyRecord) -> bool {
    key.expires_at.unwrap_or(u64::MAX) < before.expires_at.unwrap_or(u64::MAX)
}

impl Change<'_> {
    /// What is left of scopes when the catalogue has lost some: those nobody has any more.
    pub(super) fn known(&self, scopes: &ScopeSet) -> ScopeSet {
        self.settings.catalogue().known(scopes)
    }

    /// Writes a key that has changed, and yields it as it is then.
    pub(in crate::registry) async fn write_key(&mut self, mut record: KeyRecord) -> Result<KeyRecord, Error> {
        record.revision += 1;
        self.transaction.update_key(&record).await?;
        Ok(record)
    }
}
