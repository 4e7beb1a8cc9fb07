use std::collections::{BTreeMap, BTreeSet};

use doorkey_core::{
    Brand, Environment, KeyId, KeyKind, MemberId, OrganizationId, OriginPattern, ScopeSet, VerifyingKey, WorkspaceId,
};
use doorkey_verifier::RateLimit;
pub use doorkey_verifier::Restriction;
use ipnet::IpNet;

/// Who stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// The key itself: its name is the actor, whoever comes and goes.
    Service,
    /// A member; the key ends with the membership.
    Personal(MemberId),
}

impl KeyOwner {
    /// The member behind a personal key.
    pub fn member(self) -> Option<MemberId> {
        match self {
            Self::Service => None,
            Self::Personal(member) => Some(member),
        }
    }
}

/// What a key can be used for at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It can be used.
    Active,
    /// It can be used until its successor takes over.
    Rolling,
    /// It cannot be used until it is enabled.
    Disabled,
    /// Its time is over.
    Expired,
    /// It can never be used again.
    Revoked,
}

impl KeyState {
    /// `active`, `rolling`, `disabled`, `expired` or `revoked`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rolling => "rolling",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What the issuer knows of a key: everything but what could sign in. Times are in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub id: KeyId,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The workspace that it belongs to, unless it belongs to the organization itself.
    pub workspace: Option<WorkspaceId>,
    /// Of a key of an organization: the workspaces that it is for; `None` for all of them.
    pub workspaces: Option<Vec<WorkspaceId>>,
    /// Publishable or secret.
    pub kind: KeyKind,
    /// Live or test.
    pub environment: Environment,
    /// What stands in front of its string. The outer `None` is for keys from before this was kept.
    pub brand: Option<Option<Brand>>,
    /// Who stands behind it.
    pub owner: KeyOwner,
    /// What it is called; without a name its id is shown.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The owner's own notes.
    pub metadata: BTreeMap<String, String>,
    /// The public half of a secret key.
    pub public_key: Option<[u8; VerifyingKey::LEN]>,
    /// The last four characters of a secret key's string.
    pub last_four: Option<String>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The origins whose pages may use it; empty for a secret key.
    pub origins: Vec<OriginPattern>,
    /// The networks that it may be used from; empty for all, and for a publishable key.
    pub cidrs: Vec<IpNet>,
    /// How often it may be used.
    pub rate_limit: Option<RateLimit>,
    /// How many requests it may be used for in a calendar month.
    pub monthly_quota: Option<u64>,
    /// The operator's own limits, by the catalogue's names.
    pub limits: BTreeMap<String, u64>,
    /// The restrictions that refuse nothing and count what they would have refused.
    pub shadow: BTreeSet<Restriction>,
    /// What they would have refused at the issuer: sessions, so far.
    pub shadow_refusals: u64,
    /// How long its sessions' tokens live, in seconds, where that differs from the issuer's setting.
    pub session_lifetime: Option<u64>,
    /// Who created it; `None` for the operator on the command line.
    pub created_by: Option<MemberId>,
    /// When it was created.
    pub created_at: u64,
    /// From when on it cannot be used.
    pub expires_at: Option<u64>,
    /// When its owner means to replace it.
    pub rotation_due_at: Option<u64>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<u64>,
    /// Since when it has been disabled.
    pub disabled_at: Option<u64>,
    /// Since when it has been protected from revoking, disabling and rolling.
    pub protected_at: Option<u64>,
    /// From when on it is revoked.
    pub revoked_at: Option<u64>,
    /// When it was first seen where a secret key must not be.
    pub leaked_at: Option<u64>,
    /// The key that this one has replaced.
    pub rolled_from: Option<KeyId>,
    /// The key that replaces this one.
    pub rolled_to: Option<KeyId>,
    /// The end of its grace, once it has been rolled.
    pub ends_at: Option<u64>,
    /// Whether its successor's first use ends it.
    pub ends_on_use: bool,
    /// Since when its workspace or organization has been archived: then nothing in it can be used.
    pub archived_at: Option<u64>,
    /// Counts its changes.
    pub revision: u64,
    /// Whether a session takes a grant, too.
    pub requires_grant: bool,
}

impl KeyRecord {
    /// What it can be used for at `now`, in Unix seconds. It holds to the second, whether or not the clock-driven work
    /// was done.
    pub fn state(&self, now: u64) -> KeyState {
        let is_over = |end: Option<u64>| end.is_some_and(|end| end <= now);
        if self.revoked_at.is_some() || is_over(self.ends_at) {
            KeyState::Revoked
        } else if is_over(self.expires_at) {
            KeyState::Expired
        } else if self.disabled_at.is_some() {
            KeyState::Disabled
        } else if self.rolled_to.is_some() {
            KeyState::Rolling
        } else {
            KeyState::Active
        }
    }

    /// Whether it can be used at `now`, its workspace and organization considered.
    pub fn is_usable(&self, now: u64) -> bool {
        matches!(self.state(now), KeyState::Active | KeyState::Rolling) && self.archived_at.is_none()
    }

    /// The name, or else the id.
    pub fn shown_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }
}

#[cfg(test)]
impl KeyRecord {
    /// A key that can be used, with nothing in it that a test does not put there.
    pub(crate) fn sample(kind: KeyKind, environment: doorkey_core::Environment) -> Self {
        Self {
            id: KeyId::from_bytes([1; 16]),
            organization: OrganizationId::from_bytes([2; 16]),
            workspace: Some(WorkspaceId::from_bytes([3; 16])),
            workspaces: None,
            kind,
            environment,
            brand: Some(None),
            owner: KeyOwner::Service,
            name: None,
            description: None,
            metadata: BTreeMap::new(),
            public_key: None,
            last_four: None,
            scopes: ScopeSet::empty(),
            origins: Vec::new(),
            cidrs: Vec::new(),
            rate_limit: None,
            monthly_quota: None,
            limits: BTreeMap::new(),
            shadow: BTreeSet::new(),
            shadow_refusals: 0,
            session_lifetime: None,
            created_by: None,
            created_at: 1,
            expires_at: None,
            rotation_due_at: None,
            last_used_at: None,
            disabled_at: None,
            protected_at: None,
            revoked_at: None,
            leaked_at: None,
            rolled_from: None,
            rolled_to: None,
            ends_at: None,
            ends_on_use: false,
            archived_at: None,
            revision: 1,
            requires_grant: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{Environment, KeyKind};

    use super::{KeyRecord, KeyState};

    #[test]
    fn a_state_holds_to_the_second() {
        let key = || KeyRecord::sample(KeyKind::Secret, Environment::Live);
        let next = Some(key().id);
        for (key, before, at) in [
            (key(), KeyState::Active, KeyState::Active),
            (KeyRecord { expires_at: Some(100), ..key() }, KeyState::Active, KeyState::Expired),
            (KeyRecord { ends_at: Some(100), rolled_to: next, ..key() }, KeyState::Rolling, KeyState::Revoked),
            (KeyRecord { rolled_to: next, ends_on_use: true, ..key() }, KeyState::Rolling, KeyState::Rolling),
            (KeyRecord { disabled_at: Some(1), expires_at: Some(100), ..key() }, KeyState::Disabled, KeyState::Expired),
            (KeyRecord { revoked_at: Some(1), expires_at: Some(1), ..key() }, KeyState::Revoked, KeyState::Revoked),
        ] {
            assert_eq!((key.state(99), key.state(100)), (before, at), "{key:?}");
            let usable = |state| matches!(state, KeyState::Active | KeyState::Rolling);
            assert_eq!((key.is_usable(99), key.is_usable(100)), (usable(before), usable(at)));
            assert!(!KeyRecord { archived_at: Some(1), ..key }.is_usable(99));
        }
    }
}
