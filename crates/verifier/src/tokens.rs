//! Tokens that were verified before, so that a session's second request costs one signature instead of two.

use std::sync::Arc;

use doorkey_core::{Claims, Error, Thumbprint, Verified, VerifyingKey, sha256};
use quick_cache::sync::Cache;

/// A verified token, with the parsed key that it is bound to: parsing it is a fifth of the work of using it.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) claims: Verified<Claims>,
    /// Which issuer key signed it; once that is withdrawn, so is the token.
    pub(crate) kid: Thumbprint,
    pub(crate) key: VerifyingKey,
}

/// Remembers verified tokens by their SHA-256; the token itself is not kept.
///
/// It only saves work: expiry, audience and the issuer's keys are checked for each request anew. It belongs to one
/// policy, whose issuer and skew were checked when the token was first seen.
#[derive(Debug)]
pub struct TokenCache(Cache<[u8; 32], Arc<KnownToken>>);

impl TokenCache {
    /// The most tokens by default: about 10 MB.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// Room for `capacity` tokens; the least used go first.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// Finds the token, or has `verify` do the work and remembers its success.
    pub(crate) fn find_or_verify(
        &self,
        token: &str,
        verify: impl FnOnce() -> Result<KnownToken, Error>,
    ) -> Result<Arc<KnownToken>, Error> {
        let hash = sha256(token.as_bytes());
        if let Some(known) = self.0.get(&hash) {
            return Ok(known);
        }
        let known = Arc::new(verify()?);
        self.0.insert(hash, Arc::clone(&known));
        Ok(known)
    }
}
