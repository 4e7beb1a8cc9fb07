//! The keys that the issuer signs session tokens with.

use doorkey_core::{ErrorCode, JwkSet, SigningKey, Thumbprint};
use doorkey_verifier::{Entropy, random};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::store::{SigningKeyRecord, Store};
use crate::vault::Vault;

const PURPOSE: &str = "signing-key";

/// Makes a key, sealed for the store.
pub(crate) fn create(vault: &Vault, entropy: &dyn Entropy, now: u64) -> Result<SigningKeyRecord, Error> {
    let seed = Zeroizing::new(random(entropy));
    let kid = Thumbprint::of(&SigningKey::from_seed(&seed).verifying_key());
    let sealed_seed = vault.seal(PURPOSE, kid.as_bytes(), &seed[..], entropy)?;
    Ok(SigningKeyRecord { kid, sealed_seed, active: true, created_at: now })
}

/// The issuer's signing keys, opened.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    active: SigningKey,
    public: JwkSet,
}

impl SigningKeys {
    /// Loads and opens every key of the store.
    ///
    /// Fails with `invalid_input` for a master key that does not open them.
    pub(crate) async fn load(store: &Store, vault: &Vault) -> Result<Self, Error> {
        let mut active = None;
        let mut public = Vec::new();
        for record in store.signing_keys().await? {
            let seed = vault.open(PURPOSE, record.kid.as_bytes(), &record.sealed_seed)?;
            let seed: &[u8; SigningKey::SEED_LEN] = seed.as_slice().try_into().map_err(Error::store)?;
            let key = SigningKey::from_seed(seed);
            public.push(key.verifying_key());
            if record.active && active.is_none() {
                active = Some(key);
            }
        }
        let active =
            active.ok_or_else(|| Error::new(ErrorCode::StoreUnavailable, "the store holds no active signing key"))?;
        Ok(Self { active, public: JwkSet::new(public) })
    }

    /// The key that signs now.
    pub(crate) fn active(&self) -> &SigningKey {
        &self.active
    }

    /// The public halves of all keys that tokens in circulation may be signed with.
    pub(crate) fn public(&self) -> &JwkSet {
        &self.public
    }
}
