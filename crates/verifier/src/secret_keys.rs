//! Secret keys that were derived before, so that a key's second request costs a hash in place of a curve.

use std::sync::Arc;

use doorkey_core::{Brand, Environment, Error, KeyId, SecretKey, VerifyingKey, sha256};
use quick_cache::sync::Cache;

/// What a secret key string comes to: which key it says that it is, and the public half of what is in it.
#[derive(Debug)]
pub(crate) struct DerivedKey {
    pub(crate) id: KeyId,
    pub(crate) environment: Environment,
    pub(crate) brand: Option<Brand>,
    pub(crate) public_key: [u8; VerifyingKey::LEN],
}

/// Remembers what key strings come to, by their SHA-256; neither the string nor the seed is kept.
///
/// It only saves work: whether there is such a key, and what it may do, is looked up for each request anew.
#[derive(Debug)]
pub struct SecretKeyCache(Cache<[u8; 32], Arc<DerivedKey>>);

impl SecretKeyCache {
    /// The most keys by default: about 2 MB.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// Room for `capacity` keys; the least used go first.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// What the string comes to. Fails as [`SecretKey::parse`] does.
    pub(crate) fn derive(&self, text: &str) -> Result<(Arc<DerivedKey>, [u8; 32]), Error> {
        // A hash of 256 random bits is nothing that could be guessed, nor can its look-up be timed to any use.
        let hash = sha256(text.as_bytes());
        if let Some(known) = self.0.get(&hash) {
            return Ok((known, hash));
        }
        let key = SecretKey::parse(text)?;
        let derived = DerivedKey {
            id: key.id(),
            environment: key.environment(),
            brand: key.brand().cloned(),
            public_key: *key.signing_key().verifying_key().as_bytes(),
        };
        Ok((Arc::new(derived), hash))
    }

    /// Remembers a key that turned out to be one: what strangers make up must not crowd it out.
    pub(crate) fn remember(&self, hash: [u8; 32], key: Arc<DerivedKey>) {
        self.0.insert(hash, key);
    }
}
