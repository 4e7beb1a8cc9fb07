//! The registry: whose keys there are, what they may do, and the rules that every change keeps.

mod first_start;
mod input;

pub use first_start::DefaultKeys;
pub use input::{CreatedKey, NewKey};

use std::sync::Arc;

use doorkey_core::{ErrorCode, Id, KeyId, KeyKind, PublishableKey, SecretKey, SigningKey, VerifyingKey};
use doorkey_verifier::{Clock, Entropy, random};
use zeroize::Zeroizing;

use self::input::Checked;
use crate::error::Error;
use crate::settings::Settings;
use crate::store::{KeyRecord, Store, Tenant, Transaction};

/// Creates, lists and revokes keys on a [`Store`], next to any number of other registries on the same one.
#[derive(Clone, Debug)]
pub struct Registry {
    store: Store,
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Registry {
    /// A registry on a store that [`Issuer::open`](crate::Issuer::open) has prepared.
    pub fn new(store: Store, settings: Arc<Settings>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, settings, clock, entropy }
    }

    /// Creates a key in the workspace.
    ///
    /// Fails with `invalid_input` and the wrong members, with `conflict` when the workspace has as many active keys as
    /// it may have, and with `store_unavailable`.
    pub async fn create_key(&self, new: NewKey) -> Result<CreatedKey, Error> {
        let checked = new.check(&self.settings)?;
        let mut transaction = self.store.begin().await?;
        let tenant = tenant(&mut transaction).await?;
        let limit = self.settings.workspace_keys();
        if transaction.count_active_keys(tenant, None).await? >= u64::from(limit) {
            return Err(Error::new(ErrorCode::Conflict, format!("the workspace has {limit} active keys already")));
        }
        let created = match checked.kind {
            KeyKind::Publishable => {
                let (record, key) = self.make_publishable_key(&checked, tenant);
                CreatedKey::Publishable { record, key }
            }
            KeyKind::Secret => {
                let (record, key) = self.make_secret_key(&checked, tenant);
                CreatedKey::Secret { record, key }
            }
        };
        transaction.insert_key(created.record()).await?;
        transaction.commit().await?;
        Ok(created)
    }

    /// Every key, revoked ones too, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, Error> {
        self.store.keys().await
    }

    /// Revokes a key for good; one that is revoked already stays as it is.
    ///
    /// Fails with `not_found`, and with `last_key` for the only active secret key of its workspace.
    pub async fn revoke_key(&self, key: KeyId) -> Result<KeyRecord, Error> {
        let not_found = || Error::new(ErrorCode::NotFound, "there is no key with this id");
        let mut transaction = self.store.begin().await?;
        let record = transaction.key(key).await?.ok_or_else(not_found)?;
        if !record.is_active() {
            return Ok(record);
        }
        if record.kind == KeyKind::Secret
            && let Some(workspace) = record.workspace
        {
            let tenant = Tenant { organization: record.organization, workspace };
            if transaction.count_active_keys(tenant, Some(KeyKind::Secret)).await? <= 1 {
                return Err(Error::new(ErrorCode::LastKey, "this is the last active secret key of its workspace"));
            }
        }
        transaction.revoke_key(key, self.clock.now()).await?;
        let record = transaction.key(key).await?.ok_or_else(not_found)?;
        transaction.commit().await?;
        Ok(record)
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
        let brand = self.settings.brand().map(|brand| format!("{}_", brand.as_str())).unwrap_or_default();
        let last_four = record.last_four.as_deref().unwrap_or_default();
        format!("{brand}{}_{}_…{last_four}", record.kind.prefix(), record.environment)
    }

    /// The key that a mint names, revoked or not.
    pub(crate) async fn key(&self, key: KeyId) -> Result<Option<KeyRecord>, Error> {
        self.store.key(key).await
    }

    /// Notes that a secret key reached a page, if there is such a key; says so once in the log.
    pub(crate) async fn record_leak(&self, key: &SecretKey) -> Result<(), Error> {
        let public_key: VerifyingKey = key.signing_key().verifying_key();
        // Looked up first: who sends made-up keys must not hold the one lock for writing.
        let Some(record) = self.store.key(key.id()).await? else { return Ok(()) };
        if record.public_key.as_ref() != Some(public_key.as_bytes()) || record.leaked_at.is_some() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let is_first = transaction.record_leak(key.id(), &public_key, self.clock.now()).await?;
        transaction.commit().await?;
        if is_first {
            tracing::warn!(key_id = %key.id(), "a secret key was sent from a web page: revoke it");
        }
        Ok(())
    }

    /// Makes a publishable key and its record; nothing is written.
    fn make_publishable_key(&self, new: &Checked, tenant: Tenant) -> (KeyRecord, PublishableKey) {
        let record = self.make_record(new, tenant);
        let key = self.name_publicly(&record);
        (record, key)
    }

    fn name_publicly(&self, record: &KeyRecord) -> PublishableKey {
        PublishableKey::new(record.id, record.environment, self.settings.authority().clone())
            .with_brand(self.settings.brand().cloned())
    }

    /// Makes a secret key and its record, which holds the public half; nothing is written.
    fn make_secret_key(&self, new: &Checked, tenant: Tenant) -> (KeyRecord, SecretKey) {
        let mut record = self.make_record(new, tenant);
        let seed = Zeroizing::new(random(&*self.entropy));
        let key = SecretKey::new(record.id, record.environment, SigningKey::from_seed(&seed))
            .with_brand(self.settings.brand().cloned());
        record.public_key = Some(*key.signing_key().verifying_key().as_bytes());
        record.last_four = key.to_masked().rsplit('…').next().map(str::to_owned);
        (record, key)
    }

    fn make_record(&self, new: &Checked, tenant: Tenant) -> KeyRecord {
        KeyRecord {
            id: new_id(&*self.clock, &*self.entropy),
            organization: tenant.organization,
            workspace: Some(tenant.workspace),
            kind: new.kind,
            environment: new.environment,
            name: new.name.clone(),
            public_key: None,
            last_four: None,
            scopes: new.scopes.clone(),
            origins: new.origins.clone(),
            session_lifetime: new.session_lifetime,
            created_at: self.clock.now(),
            revoked_at: None,
            leaked_at: None,
        }
    }
}

/// A new id of any kind, made of the time and chance.
pub(crate) fn new_id<K>(clock: &dyn Clock, entropy: &dyn Entropy) -> Id<K> {
    let milliseconds = u64::try_from(clock.since_epoch().as_millis()).unwrap_or(u64::MAX);
    Id::from_parts(milliseconds, random(entropy))
}

/// The workspace that commands work in: until there are members, there is one.
async fn tenant(transaction: &mut Transaction) -> Result<Tenant, Error> {
    let missing = || Error::new(ErrorCode::NotFound, "there is no workspace yet");
    transaction.first_workspace().await?.ok_or_else(missing)
}
