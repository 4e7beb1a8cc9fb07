//! What the operator decides: addresses, the catalogue of scopes and limits, lifetimes, and what new keys have.

mod range;
mod catalogue;
mod keys;
mod limits;
mod file;
mod shared;

pub use catalogue::{Catalogue, CatalogueScope};
pub use file::SettingsFile;
pub use keys::KeyDefaults;
pub use limits::{CustomLimit, CustomLimits};
pub use shared::SharedSettings;

/// What verifiers and the issuer mean alike.
pub use doorkey_verifier::{RateLimit, TrustedProxies};

use std::num::NonZeroU32;

use doorkey_core::token::MAX_TOKEN_LIFETIME;
use doorkey_core::{Authority, Brand, Environment, KeyId, MAX_KEY_STRING_LEN, MINT_PATH, Origin, PublishableKey};

use crate::error::Error;

/// How often sessions may be minted, in mints per minute; `None` is without limit.
///
/// A limit's whole minute may be used up at once. Behind a proxy that is not among the [`TrustedProxies`] every browser
/// has the proxy's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintLimits {
    /// With one publishable key. 6000 unless told.
    pub per_key: Option<NonZeroU32>,
    /// From one IPv4 address or one IPv6 network of 64 bits. 600 unless told.
    pub per_address: Option<NonZeroU32>,
    /// From pages of one origin. 6000 unless told.
    pub per_origin: Option<NonZeroU32>,
}

impl Default for MintLimits {
    fn default() -> Self {
        Self { per_key: NonZeroU32::new(6000), per_address: NonZeroU32::new(600), per_origin: NonZeroU32::new(6000) }
    }
}

/// Settings that were checked; no value of this type contradicts itself.
///
/// ```
/// use doorkey_issuer::{Settings, SettingsFile};
///
/// let file = SettingsFile::parse(
///     r#"
///     public_url = "https://keys.example.com"
///     audiences = ["https://api.example.com"]
///
///     [[scopes]]
///     name = "pictures:read"
///     description = "See pictures"
///     browser = true
///     "#,
/// )?;
/// let settings = Settings::resolve(file, "http://localhost:7700".parse()?)?;
/// assert_eq!(settings.mint_url(), "https://keys.example.com/v1/sessions");
/// assert_eq!(settings.token_lifetime(), 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    public_url: Origin,
    authority: Authority,
    brand: Option<Brand>,
    audiences: Vec<Origin>,
    catalogue: Catalogue,
    token_lifetime: u64,
    mint_limits: MintLimits,
    trusted_proxies: TrustedProxies,
    keys: KeyDefaults,
    limits: CustomLimits,
}

impl Settings {
    /// Most origins of APIs that tokens may be for: each of them is in every token.
    pub const MAX_AUDIENCES: usize = 16;

    /// Fills in what the file leaves out: `fallback` for the public URL, and that URL for the audiences.
    ///
    /// Fails with `invalid_input` for a public URL that a publishable key cannot name: `https`, or `http` on a loopback
    /// host, is the only choice that a key string leaves.
    pub fn resolve(file: SettingsFile, fallback: Origin) -> Result<Self, Error> {
        let public_url = file.public_url.unwrap_or(fallback);
        let authority: Authority =
            public_url.authority().parse().map_err(|_| Error::invalid("public_url", "not a host and port"))?;
        if authority.to_origin() != public_url {
            return Err(Error::invalid("public_url", "https, or on a loopback host http, is what a key can name"));
        }
        let longest = PublishableKey::new(KeyId::from_bytes([0xff; 16]), Environment::Test, authority.clone())
            .with_brand(file.brand.clone());
        if longest.to_string().len() > MAX_KEY_STRING_LEN {
            return Err(Error::invalid(
                "public_url",
                "too long: a key that names it would have more than 256 characters",
            ));
        }
        let audiences = file.audiences.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![public_url.clone()]);
        if audiences.len() > Self::MAX_AUDIENCES {
            return Err(Error::invalid("audiences", "at most 16 of them"));
        }
        if audiences.iter().any(|audience| !audience.is_secure() && !audience.is_loopback()) {
            return Err(Error::invalid("audiences", "http is for loopback hosts alone"));
        }
        Ok(Self {
            public_url,
            authority,
            brand: file.brand,
            audiences,
            catalogue: file.scopes,
            token_lifetime: file.token_lifetime.unwrap_or(300),
            mint_limits: file.mint_limits.unwrap_or_default(),
            trusted_proxies: file.trusted_proxies,
            keys: file.keys,
            limits: file.limits,
        })
    }

    /// Where browsers reach the issuer; the `iss` of every token.
    pub fn public_url(&self) -> &Origin {
        &self.public_url
    }

    /// The host and port of [`public_url`](Self::public_url), as publishable keys name it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The URL that sessions are minted at; the `aud` of every mint.
    pub fn mint_url(&self) -> String {
        self.public_url.as_str().to_owned() + MINT_PATH
    }

    /// What stands in front of the operator's keys.
    pub fn brand(&self) -> Option<&Brand> {
        self.brand.as_ref()
    }

    /// The origins of the APIs that tokens are for.
    pub fn audiences(&self) -> &[Origin] {
        &self.audiences
    }

    /// The scopes that there are.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// How long a session token lives unless its key says otherwise, in seconds, 1 to 600.
    pub fn token_lifetime(&self) -> u64 {
        self.token_lifetime
    }

    /// How often sessions may be minted.
    pub fn mint_limits(&self) -> MintLimits {
        self.mint_limits
    }

    /// Whose word on where a request came from is taken.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// What holds for keys unless they say otherwise.
    pub fn keys(&self) -> &KeyDefaults {
        &self.keys
    }

    /// How many active keys a workspace may have.
    pub fn workspace_keys(&self) -> u32 {
        self.keys.per_workspace
    }

    /// The operator's own limits that keys may carry.
    pub fn limits(&self) -> &CustomLimits {
        &self.limits
    }
}

/// Whether a session token may live for so many seconds.
pub(crate) fn is_token_lifetime(seconds: u64) -> bool {
    (1..=MAX_TOKEN_LIFETIME).contains(&seconds)
}

#[cfg(test)]
mod tests {
    use super::{Settings, SettingsFile};

    fn resolve(text: &str) -> Result<Settings, crate::Error> {
        Settings::resolve(SettingsFile::parse(text)?, "http://localhost:7700".parse()?)
    }

    #[test]
    fn an_empty_file_is_enough() {
        let settings = resolve("").unwrap();
        assert_eq!(settings.public_url().as_str(), "http://localhost:7700");
        assert_eq!(settings.audiences(), [settings.public_url().clone()]);
        assert!(settings.catalogue().all().is_empty());
    }

    #[test]
    fn a_public_url_is_one_that_keys_can_name() {
        for accepted in ["https://keys.example.com", "https://keys.example.com:8443", "http://127.0.0.1:1"] {
            assert!(resolve(&format!("public_url = \"{accepted}\"")).is_ok(), "{accepted}");
        }
        for refused in ["http://keys.example.com", "https://localhost:7700", "https://a.example/x", "keys.example.com"]
        {
            assert!(resolve(&format!("public_url = \"{refused}\"")).is_err(), "{refused}");
        }
        let long = format!("https://{}example", "abcdefgh.".repeat(20));
        assert!(resolve(&format!("public_url = \"{long}\"")).unwrap_err().to_string().contains("too long"));
        assert!(resolve("audiences = [\"http://api.example.com\"]").is_err());
    }
}
