//! The issuer, put together.

use std::net::IpAddr;
use std::sync::Arc;

use doorkey_core::token::{self, Claims};
use doorkey_core::{ErrorCode, JwkSet, Origin, PublishableKey, SecretKey, SignedMint};
use doorkey_verifier::{Clock, Entropy, ReplayMemory};

use crate::directory::Feed;
use crate::error::Error;
use crate::limits::Limits;
use crate::mint::{self, Presented};
use crate::registry::{DefaultKeys, Registry};
use crate::settings::{Settings, SharedSettings};
use crate::signing::SigningKeys;
use crate::store::{KeyRecord, Store};
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
    started_at: u64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A session and its token.
pub(crate) struct Minted {
    pub(crate) claims: Claims,
    pub(crate) token: String,
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
        let started_at = clock.now();
        let replay =
            ReplayMemory::new(ReplayMemory::DEFAULT_CAPACITY, ReplayMemory::DEFAULT_SESSION_CAPACITY, VERIFIER_SKEW);
        let issuer = Self { settings, store, registry, signing_keys, limits, feed, replay, started_at, clock, entropy };
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

    /// The requests of verifiers that were answered, and since when they have been remembered, in Unix seconds.
    pub(crate) fn replay(&self) -> (&ReplayMemory, u64) {
        (&self.replay, self.started_at)
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

    /// Notes that a secret key came from a page, if it is one of ours, and yields the refusal.
    pub(crate) async fn refuse_secret_key(&self, key: Option<SecretKey>) -> Error {
        if let Some(key) = key
            && let Err(error) = self.registry.record_leak(&key).await
        {
            return error;
        }
        Error::new(ErrorCode::SecretKeyInBrowser, "a secret key was sent from a page")
    }

    /// Trades a mint for a session: signature, key, origin, then limits.
    pub(crate) async fn mint(&self, body: &str, origin: Option<&Origin>, address: IpAddr) -> Result<Minted, Error> {
        let settings = self.settings();
        let mint = SignedMint::verify(body)?;
        let key = match mint::read(&mint, &settings)? {
            Presented::Publishable(key) => key,
            Presented::Secret(key) => return Err(self.refuse_secret_key(key).await),
        };
        let record = self.registry.key(key.id()).await?;
        let Some(record) = record else { return Err(mint::unknown().into()) };
        match self.mint_with(&mint, &key, &record, origin, address, &settings) {
            Ok((minted, is_shadowed)) => {
                self.registry.note_mint(&record, is_shadowed).await?;
                Ok(minted)
            }
            Err(error) => {
                self.registry.note_refused_mint(&record, error.code()).await?;
                Err(error)
            }
        }
    }

    /// The session, and whether a restriction in shadow would have refused it.
    fn mint_with(
        &self,
        mint: &SignedMint,
        key: &PublishableKey,
        record: &KeyRecord,
        origin: Option<&Origin>,
        address: IpAddr,
        settings: &Settings,
    ) -> Result<(Minted, bool), Error> {
        let (session, now) = (self.registry.new_id(), self.clock.now());
        let mint::Decision { claims, is_shadowed } = mint::decide(mint, key, record, origin, settings, session, now)?;
        self.limits.check(key.id(), address, &claims.doorkey.origin)?;
        let token = token::issue(&claims, self.signing_keys.active())?;
        Ok((Minted { claims, token }, is_shadowed))
    }
}
