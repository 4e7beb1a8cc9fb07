//! The issuer, put together.

mod sessions;

pub(crate) use sessions::Minted;

use std::sync::Arc;

use doorkey_core::JwkSet;
use doorkey_verifier::{Clock, Entropy, ReplayMemory};

use crate::directory::Feed;
use crate::error::Error;
use crate::limits::Limits;
use crate::registry::{DefaultKeys, Registry};
use crate::settings::{Settings, SharedSettings};
use crate::signing::SigningKeys;
use crate::store::Store;
use crate::vault::Vault;

/// How far a verifier's clock may be off, in seconds.
pub(crate) const VERIFIER_SKEW: u64 = 30;

/// Everything that one issuer needs to answer requests; [`router`](Self::router) is its face.
#[derive(Debug)]
pub struct Issuer {
    settings: SharedSettings,
    store: Store,
    registry: Registry,
    signing_keys: SigningKeys,
    limits: Limits,
    feed: Arc<Feed>,
    /// Requests of verifiers that were answered.
    replay: ReplayMemory,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Issuer {
    /// Opens an issuer on a store. On an empty one it makes organization, workspace, key pair and signing key, all or
    /// none, and returns the key pair: this once.
    ///
    /// Fails with `invalid_input` for a master key that does not open the store's signing keys, and with
    /// `store_unavailable`.
    pub async fn open(
        settings: Settings,
        store: Store,
        vault: &Arc<Vault>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Option<DefaultKeys>), Error> {
        let limits = Limits::new(settings.mint_limits(), &clock);
        let settings = SharedSettings::new(settings);
        let registry = Registry::new(store.clone(), settings.clone(), vault.clone(), clock.clone(), entropy.clone());
        let default_keys = registry.start().await?;
        let signing_keys = SigningKeys::load(&store, vault).await?;
        let feed = Arc::new(Feed::new(registry.clone(), signing_keys.public().clone()));
        let replay =
            ReplayMemory::new(ReplayMemory::DEFAULT_CAPACITY, ReplayMemory::DEFAULT_SESSION_CAPACITY, VERIFIER_SKEW)
                .with_start(clock.now());
        let issuer = Self { settings, store, registry, signing_keys, limits, feed, replay, clock, entropy };
        Ok((issuer, default_keys))
    }

    /// The keys.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.current()
    }

    /// Goes on with other settings; how often sessions may be minted stays as it was until a restart.
    ///
    /// Fails with `invalid_input` for another public URL or brand, which keys name.
    pub fn reload(&self, settings: Settings) -> Result<(), Error> {
        self.settings.replace(settings)
    }

    /// The public keys that tokens verify with.
    pub fn public_keys(&self) -> &JwkSet {
        self.signing_keys.public()
    }

    /// Tells verifiers of changes as they come, until `stop`: then all their streams end, so that nothing waits for them.
    /// Unless this runs, a stream ends once it has said all, and its reader asks again.
    pub async fn feed_verifiers(&self, stop: impl Future<Output = ()>) {
        self.feed.run(stop).await;
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// The requests of verifiers that were answered, since this issuer started.
    pub(crate) fn replay(&self) -> &ReplayMemory {
        &self.replay
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
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
}
