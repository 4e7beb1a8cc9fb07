//! The registry: whose keys there are, what they may do, and the rules that every change keeps.

// In the order of use.
mod tries;
mod change;
mod terms;
mod input;
mod keys;
mod usage;
mod uses;
mod totals;
mod grants;
mod first_start;
mod people;
mod personal;
mod tenants;
mod roles;
mod members;
mod audit;
mod verifiers;
mod clockwork;

pub use first_start::DefaultKeys;
pub use input::{CreatedKey, KeyChanges, KeyPlace, NewKey, ScopeChoice, parse_network};
pub use people::{Email, Link};
pub use totals::UsageCounts;

pub use clockwork::Wound;
pub use keys::Grace;

use change::CONFIRMED_FOR;
pub(crate) use change::{Change, Expected, keys_cannot_manage_keys, not_found};
pub(crate) use people::{Account, NewInvitation, SignedInNow, Visit};
pub(crate) use roles::{NewRole, RoleChanges};
pub(crate) use tenants::{CreatedWorkspace, TenantChange};

use std::sync::Arc;

use doorkey_core::{Id, KeyId, KeyKind, PublishableKey};
use doorkey_verifier::{Clock, Entropy, random};
use tokio::sync::watch;

use self::people::People;
use self::tries::Tries;
use self::uses::Uses;
use self::verifiers::SeenVerifiers;
use crate::error::Error;
use crate::settings::{Settings, SharedSettings};
use crate::signing::SigningKeys;
use crate::store::{KeyRecord, Store};
use crate::vault::Vault;

/// Whose keys there are, on a [`Store`], next to any number of other registries on the same one.
///
/// Whatever changes something takes the [`Actor`](crate::Actor) who asks for it, applies the rules to that actor, and
/// leaves a line in the audit: of what was done and of what was refused.
#[derive(Clone, Debug)]
pub struct Registry {
    store: Store,
    settings: SharedSettings,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tries: Arc<Tries>,
    uses: Arc<Uses>,
    seen_verifiers: Arc<SeenVerifiers>,
    people: Arc<People>,
}

impl Registry {
    /// A registry on a store that [`Issuer::open`](crate::Issuer::open) has prepared, for work beside a running issuer.
    ///
    /// Fails with `invalid_input` for a master key that is not the store's: what it binds in the audit would look forged.
    pub async fn open(
        store: Store,
        settings: SharedSettings,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        SigningKeys::load(&store, &vault).await?;
        store.stir_marks(random(&*entropy));
        Ok(Self::new(store, settings, vault, clock, entropy))
    }

    /// The same, by whoever sees to the master key.
    pub(crate) fn new(
        store: Store,
        settings: SharedSettings,
        vault: Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            settings,
            vault,
            clock,
            entropy,
            tries: Arc::default(),
            uses: Arc::default(),
            seen_verifiers: Arc::default(),
            people: Arc::default(),
        }
    }

    /// The key string of a publishable key; `None` for a secret key, whose string nobody has but its owner.
    pub fn publishable_key(&self, record: &KeyRecord) -> Option<PublishableKey> {
        (record.kind == KeyKind::Publishable).then(|| self.name_publicly(record))
    }

    /// How lists show a key: a publishable key in full, of a secret key the prefix and the last four characters.
    pub fn shown_key(&self, record: &KeyRecord) -> String {
        if let Some(key) = self.publishable_key(record) {
            return key.to_string();
        }
        let settings = self.settings();
        let brand = record.brand.as_ref().map_or(settings.brand(), Option::as_ref);
        let brand = brand.map(|brand| format!("{}_", brand.as_str())).unwrap_or_default();
        let last_four = record.last_four.as_deref().unwrap_or_default();
        format!("{brand}{}_{}_…{last_four}", record.kind.prefix(), record.environment)
    }

    fn name_publicly(&self, record: &KeyRecord) -> PublishableKey {
        let settings = self.settings();
        let brand = record.brand.as_ref().map_or(settings.brand(), Option::as_ref);
        PublishableKey::new(record.id, record.environment, settings.authority().clone()).with_brand(brand.cloned())
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.current()
    }

    /// Follows the settings, from now on.
    pub(crate) fn follow_settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.follow()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The key that a mint names, whatever its state.
    pub(crate) async fn key(&self, key: KeyId) -> Result<Option<KeyRecord>, Error> {
        self.store.read().await?.key(key).await
    }

    /// A new id of any kind, made of the time and chance.
    pub(crate) fn new_id<K>(&self) -> Id<K> {
        let milliseconds = u64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(u64::MAX);
        Id::from_parts(milliseconds, random(&*self.entropy))
    }
}
