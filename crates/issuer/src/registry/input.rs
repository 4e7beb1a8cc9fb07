//! What is asked of a new key.

use std::collections::{BTreeMap, BTreeSet};

use doorkey_core::{
    Environment, KeyKind, OrganizationId, OriginPattern, PublishableKey, ScopeSet, SecretKey, WorkspaceId,
};
use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::settings::RateLimit;
use crate::store::{KeyRecord, Restriction};

/// What a new key may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScopeChoice {
    /// What the creator's role in that place permits.
    #[default]
    Role,
    /// All that the creator may do there.
    Creator,
    /// Exactly these; an empty set is none.
    Exactly(ScopeSet),
}

/// Whom a new key belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyPlace {
    /// The oldest workspace; for the command line.
    #[default]
    First,
    /// A workspace.
    Workspace(WorkspaceId),
    /// An organization, for the workspaces that are named, or for all of them.
    Organization(OrganizationId, Option<Vec<WorkspaceId>>),
}

/// What a new key shall be.
///
/// ```
/// use doorkey_core::{Environment, KeyKind};
/// use doorkey_issuer::NewKey;
///
/// let new = NewKey::new(KeyKind::Publishable, Environment::Live)
///     .with_name("Shop")
///     .with_scopes("pictures:read".parse()?)
///     .with_origins(vec!["https://*.shop.example".parse()?]);
/// # let _ = new;
/// # Ok::<(), doorkey_core::Error>(())
/// ```
///
/// What may be `None` in two ways is the operator's default on the outside, and without it on the inside.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub(crate) kind: KeyKind,
    pub(crate) environment: Environment,
    pub(crate) place: KeyPlace,
    pub(crate) is_personal: bool,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) scopes: ScopeChoice,
    pub(crate) origins: Vec<OriginPattern>,
    pub(crate) cidrs: Vec<IpNet>,
    pub(crate) rate_limit: Option<Option<RateLimit>>,
    pub(crate) monthly_quota: Option<Option<u64>>,
    pub(crate) limits: BTreeMap<String, u64>,
    pub(crate) shadow: BTreeSet<Restriction>,
    pub(crate) session_lifetime: Option<u64>,
    pub(crate) expires_at: Option<Option<u64>>,
    pub(crate) rotation_due_at: Option<Option<u64>>,
    pub(crate) is_protected: bool,
    pub(crate) requires_grant: bool,
}

impl NewKey {
    /// A service key with every scope that the creator's role has and that its kind may have, without a name and without
    /// restrictions.
    pub fn new(kind: KeyKind, environment: Environment) -> Self {
        Self {
            kind,
            environment,
            place: KeyPlace::First,
            is_personal: false,
            name: None,
            description: None,
            metadata: BTreeMap::new(),
            scopes: ScopeChoice::Role,
            origins: Vec::new(),
            cidrs: Vec::new(),
            rate_limit: None,
            monthly_quota: None,
            limits: BTreeMap::new(),
            shadow: BTreeSet::new(),
            session_lifetime: None,
            expires_at: None,
            rotation_due_at: None,
            is_protected: false,
            requires_grant: false,
        }
    }

    /// Says whom it belongs to.
    pub fn with_place(self, place: KeyPlace) -> Self {
        Self { place, ..self }
    }

    /// Names the key; otherwise its id is shown.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Gives the key exactly these scopes; an empty set is none.
    pub fn with_scopes(self, scopes: ScopeSet) -> Self {
        Self { scopes: ScopeChoice::Exactly(scopes), ..self }
    }

    /// Lets pages of these origins use the key.
    pub fn with_origins(self, origins: Vec<OriginPattern>) -> Self {
        Self { origins, ..self }
    }

    /// Sets how long its sessions' tokens live, in seconds, 1 to 600.
    pub fn with_session_lifetime(self, seconds: u64) -> Self {
        Self { session_lifetime: Some(seconds), ..self }
    }

    /// Has pages bring a grant of a secret key for each session.
    pub fn with_required_grant(self) -> Self {
        Self { requires_grant: true, ..self }
    }

    /// Sets when it expires, in Unix seconds.
    pub fn with_expiry(self, expires_at: u64) -> Self {
        Self { expires_at: Some(Some(expires_at)), ..self }
    }
}

/// A key that was just created or rolled: its record and, this once, its whole string.
#[derive(Debug)]
pub enum CreatedKey {
    /// A publishable key.
    Publishable {
        /// What the store holds.
        record: KeyRecord,
        /// The key.
        key: PublishableKey,
    },
    /// A secret key. It is not kept anywhere: what is not shown now is lost.
    Secret {
        /// What the store holds.
        record: KeyRecord,
        /// The key, seed included.
        key: SecretKey,
    },
    /// A key that the same request had created before; a secret one was shown then.
    Again {
        /// What the store holds.
        record: KeyRecord,
    },
}

impl CreatedKey {
    /// What the store holds.
    pub fn record(&self) -> &KeyRecord {
        match self {
            Self::Publishable { record, .. } | Self::Secret { record, .. } | Self::Again { record } => record,
        }
    }

    /// The whole key string, secret included: to be shown once and never logged. `None` where it was shown before.
    pub fn to_key_string(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::Publishable { key, .. } => Some(Zeroizing::new(key.to_string())),
            Self::Secret { key, .. } => Some(key.to_key_string()),
            Self::Again { .. } => None,
        }
    }
}
