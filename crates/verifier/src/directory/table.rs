//! The keys in memory: small enough that one machine holds a million of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use doorkey_core::{
    Brand, Environment, Error, ErrorCode, JwkSet, KeyId, KeyKind, OrganizationId, Origin, OriginPattern, ScopeSet,
    WorkspaceId,
};
use hashbrown::HashTable;
use ipnet::IpNet;

use super::line::{DirectoryKey, DirectoryLine, DirectorySettings};
use crate::limit::{RateLimit, Restriction};
use crate::network::canonical_network;

/// What a key may do and how it is limited: the same for many keys, and kept once for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyPolicy {
    pub(crate) scopes: Arc<ScopeSet>,
    pub(crate) workspaces: Option<Box<[WorkspaceId]>>,
    pub(crate) brand: Option<Option<Brand>>,
    pub(crate) origins: Box<[OriginPattern]>,
    pub(crate) cidrs: Box<[IpNet]>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) monthly_quota: Option<u64>,
    pub(crate) limits: BTreeMap<String, u64>,
    pub(crate) shadow: BTreeSet<Restriction>,
}

/// A key as it is now.
#[derive(Clone, Debug)]
pub(crate) struct KnownKey {
    pub(crate) id: KeyId,
    pub(crate) organization: OrganizationId,
    pub(crate) workspace: Option<WorkspaceId>,
    /// The public half of a secret key.
    pub(crate) public_key: Option<[u8; 32]>,
    pub(crate) policy: Arc<KeyPolicy>,
    expires_at: u64,
    ends_at: u64,
    pub(crate) kind: KeyKind,
    pub(crate) environment: Environment,
    is_disabled: bool,
    is_revoked: bool,
    /// Its workspace or organization is archived; looked up with the key.
    is_archived: bool,
}

impl KnownKey {
    /// Why the key cannot be used at `now`, in Unix seconds, if that is so.
    pub(crate) fn refusal(&self, now: u64) -> Option<ErrorCode> {
        if self.is_revoked || self.ends_at <= now {
            Some(ErrorCode::KeyRevoked)
        } else if self.expires_at <= now {
            Some(ErrorCode::KeyExpired)
        } else if self.is_disabled || self.is_archived {
            Some(ErrorCode::KeyDisabled)
        } else {
            None
        }
    }

    /// Whether pages may use it at all, as far as that does not depend on the time.
    fn serves_pages(&self) -> bool {
        self.kind == KeyKind::Publishable && !self.is_revoked && !self.is_disabled
    }
}

/// How many keys are kept in one piece of memory: what is full is never moved.
const PIECE: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Table {
    pieces: Vec<Vec<KnownKey>>,
    places: HashTable<u32>,
    hasher: RandomState,
    policies: Shared<KeyPolicy>,
    scopes: Shared<ScopeSet>,
    archived_organizations: HashSet<OrganizationId>,
    archived_workspaces: HashSet<WorkspaceId>,
    /// How many keys each origin pattern stands on, by its hash under a secret of this process.
    origins: HashMap<u64, u32>,
    /// How many keys any loopback origin may use.
    loopback: usize,
    /// How many keys try their origins out, so that any may use them.
    open: usize,
    settings: Option<Arc<DirectorySettings>>,
    keys: Arc<JwkSet>,
}

impl Table {
    /// The key, whatever its state.
    pub(crate) fn find(&self, id: KeyId) -> Option<KnownKey> {
        let mut key = self.at(self.place(id)?).clone();
        key.is_archived = self.archived_organizations.contains(&key.organization)
            || key.workspace.is_some_and(|workspace| self.archived_workspaces.contains(&workspace));
        self.leave_out_archived(&mut key);
        Some(key)
    }

    /// Of a key that is for some workspaces, those that are archived count as not chosen.
    fn leave_out_archived(&self, key: &mut KnownKey) {
        let is_archived = |workspace: &WorkspaceId| self.archived_workspaces.contains(workspace);
        let Some(chosen) = &key.policy.workspaces else { return };
        if !chosen.iter().any(is_archived) {
            return;
        }
        let left: Box<[WorkspaceId]> = chosen.iter().copied().filter(|workspace| !is_archived(workspace)).collect();
        key.is_archived |= left.is_empty();
        let mut policy = KeyPolicy::clone(&key.policy);
        policy.workspaces = Some(left);
        key.policy = Arc::new(policy);
    }

    /// Whether some key may be used by pages of this origin.
    pub(crate) fn allows(&self, origin: &Origin) -> bool {
        if self.open > 0 || (origin.is_loopback() && self.loopback > 0) {
            return true;
        }
        let counts = |pattern: &str| self.origins.contains_key(&self.hasher.hash_one(pattern));
        let (scheme, host) = origin.as_str().split_once("://").unwrap_or_default();
        counts(origin.as_str())
            || host.split_once('.').is_some_and(|(_, domain)| counts(&format!("{scheme}://*.{domain}")))
    }

    pub(crate) fn keys(&self) -> &Arc<JwkSet> {
        &self.keys
    }

    pub(crate) fn settings(&self) -> Option<&Arc<DirectorySettings>> {
        self.settings.as_ref()
    }

    /// How many keys there are, in whatever state.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Takes over what a line says; [`DirectoryLine::Begin`] and [`DirectoryLine::Synced`] say nothing of this.
    pub(crate) fn apply(&mut self, line: DirectoryLine) -> Result<(), Error> {
        match line {
            DirectoryLine::Key(key) => self.put(*key),
            DirectoryLine::Settings(settings) => {
                self.keys = Arc::new(JwkSet::parse(settings.jwks.to_string().as_bytes())?);
                self.settings = Some(Arc::new(*settings));
            }
            DirectoryLine::Organization(tenant) => {
                mark(&mut self.archived_organizations, tenant.id, tenant.archived);
            }
            DirectoryLine::Workspace(tenant) => mark(&mut self.archived_workspaces, tenant.id, tenant.archived),
            DirectoryLine::Begin(_) | DirectoryLine::Synced(_) => {}
        }
        Ok(())
    }

    fn put(&mut self, key: DirectoryKey) {
        let key = self.known(key);
        self.count_origins(&key, true);
        if let Some(place) = self.place(key.id) {
            let before = std::mem::replace(self.at_mut(place), key);
            self.count_origins(&before, false);
            return;
        }
        let place = self.places.len();
        if self.pieces.last().is_none_or(|piece| piece.len() == PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        let hash = self.hasher.hash_one(key.id);
        if let Some(piece) = self.pieces.last_mut() {
            piece.push(key);
        }
        // Four thousand million keys do not fit into any memory before they do not fit into this.
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let (pieces, hasher) = (&self.pieces, &self.hasher);
        self.places.insert_unique(hash, place, |&place| hasher.hash_one(at(pieces, place).id));
    }

    fn known(&mut self, key: DirectoryKey) -> KnownKey {
        let policy = KeyPolicy {
            scopes: self.scopes.share(key.scopes),
            workspaces: key.workspaces.map(Vec::into_boxed_slice),
            brand: key.brand,
            origins: key.origins.into_boxed_slice(),
            // An older issuer wrote IPv4 as it was told, as IPv6, too.
            cidrs: key.cidrs.into_iter().map(|one| canonical_network(one).unwrap_or(one)).collect(),
            rate_limit: key.rate_limit,
            monthly_quota: key.monthly_quota,
            limits: key.limits,
            shadow: key.shadow,
        };
        KnownKey {
            id: key.id,
            organization: key.organization,
            workspace: key.workspace,
            public_key: key.public_key.map(|key| key.0),
            policy: self.policies.share(policy),
            expires_at: key.expires_at.unwrap_or(u64::MAX),
            ends_at: key.ends_at.unwrap_or(u64::MAX),
            kind: key.kind,
            environment: key.environment,
            is_disabled: key.disabled,
            is_revoked: key.revoked,
            is_archived: false,
        }
    }

    fn count_origins(&mut self, key: &KnownKey, is_more: bool) {
        if !key.serves_pages() {
            return;
        }
        let count = |count: usize| if is_more { count + 1 } else { count.saturating_sub(1) };
        if key.environment == Environment::Test {
            self.loopback = count(self.loopback);
        }
        if key.policy.shadow.contains(&Restriction::Origins) {
            self.open = count(self.open);
        }
        for pattern in &key.policy.origins {
            let count = self.origins.entry(self.hasher.hash_one(pattern.as_str())).or_default();
            *count = if is_more { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.origins.remove(&self.hasher.hash_one(pattern.as_str()));
            }
        }
    }

    fn place(&self, id: KeyId) -> Option<u32> {
        self.places.find(self.hasher.hash_one(id), |&place| self.at(place).id == id).copied()
    }

    fn at(&self, place: u32) -> &KnownKey {
        at(&self.pieces, place)
    }

    fn at_mut(&mut self, place: u32) -> &mut KnownKey {
        &mut self.pieces[place as usize / PIECE][place as usize % PIECE]
    }
}

fn at(pieces: &[Vec<KnownKey>], place: u32) -> &KnownKey {
    &pieces[place as usize / PIECE][place as usize % PIECE]
}

fn mark<I: Hash + Eq>(marked: &mut HashSet<I>, id: I, is_marked: bool) {
    if is_marked {
        marked.insert(id);
    } else {
        marked.remove(&id);
    }
}

/// Equal values, each kept once.
#[derive(Debug)]
struct Shared<T> {
    values: HashSet<Arc<T>>,
    sweep_at: usize,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { values: HashSet::new(), sweep_at: 1024 }
    }
}

impl<T: Hash + Eq> Shared<T> {
    fn share(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.values.get(&value) {
            return Arc::clone(known);
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.sweep_at = 2 * self.values.len().max(512);
        }
        let value = Arc::new(value);
        self.values.insert(Arc::clone(&value));
        value
    }
}
