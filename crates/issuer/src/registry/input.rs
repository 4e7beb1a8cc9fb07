//! What is asked of a new key, and of one that shall change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use doorkey_core::{
    Environment, ErrorCode, KeyKind, OrganizationId, OriginPattern, PublishableKey, ScopeSet, SecretKey, WorkspaceId,
};
use doorkey_verifier::canonical_network;
use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::error::Error;
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

    /// Has it be protected from being revoked, disabled and rolled.
    pub fn with_protection(self) -> Self {
        Self { is_protected: true, ..self }
    }

    /// Has it begin as it would be after a change. Workspaces are named by its [place](Self::with_place).
    pub fn with_changes(self, changes: KeyChanges) -> Self {
        Self {
            name: changes.name.unwrap_or(self.name),
            description: changes.description.unwrap_or(self.description),
            metadata: changes.metadata.unwrap_or(self.metadata),
            scopes: changes.scopes.map_or(self.scopes, ScopeChoice::Exactly),
            origins: changes.origins.unwrap_or(self.origins),
            cidrs: changes.cidrs.unwrap_or(self.cidrs),
            rate_limit: changes.rate_limit.or(self.rate_limit),
            monthly_quota: changes.monthly_quota.or(self.monthly_quota),
            limits: changes.limits.unwrap_or(self.limits),
            shadow: changes.shadow.unwrap_or(self.shadow),
            session_lifetime: changes.session_lifetime.unwrap_or(self.session_lifetime),
            expires_at: changes.expires_at.or(self.expires_at),
            rotation_due_at: changes.rotation_due_at.or(self.rotation_due_at),
            requires_grant: changes.requires_grant.unwrap_or(self.requires_grant),
            ..self
        }
    }

    /// Sets when it expires, in Unix seconds.
    pub fn with_expiry(self, expires_at: u64) -> Self {
        Self { expires_at: Some(Some(expires_at)), ..self }
    }
}

/// What shall change in a key; what is `None` stays. An inner `None` takes something away.
///
/// The rules for each member are applied when the change is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChanges {
    /// What it is called; without one its id is shown.
    pub name: Option<Option<String>>,
    /// What it is for.
    pub description: Option<Option<String>>,
    /// Texts of its owner's, all of them.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Exactly these from now on.
    pub scopes: Option<ScopeSet>,
    /// Of a key of an organization: the workspaces that it is for; all of them without.
    pub workspaces: Option<Option<Vec<WorkspaceId>>>,
    /// The origins whose pages may use it; publishable keys alone.
    pub origins: Option<Vec<OriginPattern>>,
    /// The networks that it works from, everywhere if there are none; secret keys alone.
    pub cidrs: Option<Vec<IpNet>>,
    /// How often it may be used.
    pub rate_limit: Option<Option<RateLimit>>,
    /// How many requests a month it is good for.
    pub monthly_quota: Option<Option<u64>>,
    /// The operator's own limits, all of them.
    pub limits: Option<BTreeMap<String, u64>>,
    /// Which of its restrictions refuse nothing and are counted.
    pub shadow: Option<BTreeSet<Restriction>>,
    /// How long its sessions' tokens live, in seconds; publishable keys alone.
    pub session_lifetime: Option<Option<u64>>,
    /// When it expires, in Unix seconds.
    pub expires_at: Option<Option<u64>>,
    /// When it should be rolled, in Unix seconds.
    pub rotation_due_at: Option<Option<u64>>,
    /// Whether each of its sessions takes a grant; publishable keys alone.
    pub requires_grant: Option<bool>,
}

/// Reads a network as people write it: a single address is a network of one, and IPv4 that is written as IPv6 is IPv4.
///
/// Fails with `invalid_input`.
pub fn parse_network(text: &str) -> Result<IpNet, Error> {
    let wrong = |detail: &'static str| Error::new(ErrorCode::InvalidInput, detail);
    let single = text.parse::<IpAddr>().map(IpNet::from);
    let network = single.or_else(|_| text.parse()).map_err(|_| wrong("expected a network, 10.0.0.0/8"))?;
    let mixed = "IPv4 that is written as IPv6 has a prefix from /96 to /128: write it as IPv4, 10.0.0.0/8";
    canonical_network(network).ok_or_else(|| wrong(mixed))
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
