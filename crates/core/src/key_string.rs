//! Key strings: `[brand_](pk|sk)_(live|test)_BODY`, found whole by a double click and checked without a network call.
//! A verifier's credential, `vk_BODY`, is one of the same make.

mod body;
mod verifier_credential;

pub use verifier_credential::{MAX_VERIFIER_CREDENTIAL_LEN, VerifierCredential};

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use zeroize::Zeroizing;

use crate::authority::{Authority, Origin};
use crate::error::{Error, ErrorCode};
use crate::id::KeyId;
use crate::key::SigningKey;

/// The most bytes that a key string may have.
pub const MAX_KEY_STRING_LEN: usize = 256;

/// Live or test data; a key belongs to exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real data.
    Live,
    /// Data that may be thrown away; loopback origins are always allowed.
    Test,
}

impl Environment {
    /// `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(Error::new(ErrorCode::InvalidInput, "the environment is live or test")),
        }
    }
}

/// The operator's own prefix, `[a-z0-9]{1,16}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Brand(String);

impl Brand {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Brand {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if (1..=16).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(Error::new(ErrorCode::InvalidInput, "a brand has 1 to 16 characters of a-z and 0-9"))
        }
    }
}

impl serde::Serialize for Brand {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Brand {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Publishable or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// May stand in a page: `pk_…`.
    Publishable,
    /// Stays on a server: `sk_…`.
    Secret,
}

impl KeyKind {
    /// `publishable` or `secret`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }

    /// `pk` or `sk`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "pk",
            Self::Secret => "sk",
        }
    }

    /// The kind that `text` claims by its prefix, whatever follows; for choosing an error before anything is checked.
    pub fn of(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once('_')?;
        // Behind a brand alone: a token may well hold an `_sk_` somewhere.
        Self::of_prefix(first).or_else(|| {
            first.parse::<Brand>().ok()?;
            Self::of_prefix(rest.split_once('_')?.0)
        })
    }

    fn of_prefix(prefix: &str) -> Option<Self> {
        match prefix {
            "pk" => Some(Self::Publishable),
            "sk" => Some(Self::Secret),
            _ => None,
        }
    }
}

/// A key that may stand in a web page: the id of the key and where its issuer is.
///
/// ```
/// use doorkey_core::{Environment, KeyId, PublishableKey};
///
/// let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
/// let key = PublishableKey::new(id, Environment::Test, "keys.example.com".parse()?);
/// let text = key.to_string();
/// assert!(text.starts_with("pk_test_"));
/// assert_eq!(PublishableKey::parse(&text)?.issuer().as_str(), "https://keys.example.com");
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishableKey {
    brand: Option<Brand>,
    environment: Environment,
    id: KeyId,
    issuer: Authority,
}

impl PublishableKey {
    /// A key of the issuer at `issuer`.
    pub fn new(id: KeyId, environment: Environment, issuer: Authority) -> Self {
        Self { brand: None, environment, id, issuer }
    }

    /// Puts the operator's brand in front.
    pub fn with_brand(self, brand: Option<Brand>) -> Self {
        Self { brand, ..self }
    }

    /// Reads a key string.
    ///
    /// Fails with [`ErrorCode::WrongKeyKind`] for a secret key and with [`ErrorCode::MalformedKey`] and the place for
    /// anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw = body::open(text, KeyKind::Publishable)?;
        let (id, issuer) = raw.body.split_at_checked(16).ok_or_else(body::wrong_length)?;
        let (id, issuer) = (body::key_id(id)?, body::issuer(issuer)?);
        Ok(Self { brand: raw.brand, environment: raw.environment, id, issuer })
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Live or test.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The operator's brand, if it has one.
    pub fn brand(&self) -> Option<&Brand> {
        self.brand.as_ref()
    }

    /// The issuer's origin, to which `/v1/sessions` is appended.
    pub fn issuer(&self) -> Origin {
        self.issuer.to_origin()
    }
}

impl fmt::Display for PublishableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.id.as_bytes(), self.issuer.as_str().as_bytes()];
        f.write_str(&body::seal(self.brand.as_ref(), KeyKind::Publishable, self.environment, &parts))
    }
}

/// A key that stays on a server: the id of the key and its Ed25519 seed. `Debug` shows the id alone.
///
/// ```
/// use doorkey_core::{Environment, ErrorCode, KeyId, PublishableKey, SecretKey, SigningKey};
///
/// let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
/// let key = SecretKey::new(id, Environment::Live, SigningKey::from_seed(&[9; 32]));
/// let text = key.to_key_string();
/// assert_eq!(SecretKey::parse(&text)?.id(), id);
/// assert_eq!(PublishableKey::parse(&text).unwrap_err().code(), ErrorCode::WrongKeyKind);
/// # Ok::<(), doorkey_core::Error>(())
/// ```
pub struct SecretKey {
    brand: Option<Brand>,
    environment: Environment,
    id: KeyId,
    signing_key: SigningKey,
}

impl SecretKey {
    /// A key with the given seed's key pair.
    pub fn new(id: KeyId, environment: Environment, signing_key: SigningKey) -> Self {
        Self { brand: None, environment, id, signing_key }
    }

    /// Puts the operator's brand in front.
    pub fn with_brand(self, brand: Option<Brand>) -> Self {
        Self { brand, ..self }
    }

    /// Reads a key string.
    ///
    /// Fails with [`ErrorCode::WrongKeyKind`] for a publishable key and with [`ErrorCode::MalformedKey`] and the place
    /// for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw = body::open(text, KeyKind::Secret)?;
        let (id, seed) = raw.body.split_at_checked(16).ok_or_else(body::wrong_length)?;
        let seed = seed.try_into().map_err(|_| body::wrong_length())?;
        Ok(Self {
            brand: raw.brand,
            environment: raw.environment,
            id: body::key_id(id)?,
            signing_key: SigningKey::from_seed(seed),
        })
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Live or test.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The key pair.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing_key
    }

    /// The operator's brand, if it has one.
    pub fn brand(&self) -> Option<&Brand> {
        self.brand.as_ref()
    }

    /// The last four characters of the key string, which lists show so that people can tell keys apart.
    pub fn last_four(&self) -> String {
        let text = self.to_key_string();
        text[text.len() - 4..].to_string()
    }

    /// The whole key string, secret included: to be shown once and never stored.
    pub fn to_key_string(&self) -> Zeroizing<String> {
        let seed = self.signing_key.to_seed();
        let parts = [&self.id.as_bytes()[..], &seed[..]];
        Zeroizing::new(body::seal(self.brand.as_ref(), KeyKind::Secret, self.environment, &parts))
    }

    /// How lists show the key: the prefix, then the last four characters.
    pub fn to_masked(&self) -> String {
        let text = self.to_key_string();
        let body = text.rfind('_').map_or(0, |at| at + 1);
        let mut masked = text[..body].to_string();
        masked.push('…');
        masked.push_str(&text[text.len() - 4..]);
        masked
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Brand, Environment, KeyKind, PublishableKey, SecretKey};
    use crate::error::ErrorCode;
    use crate::id::KeyId;
    use crate::key::SigningKey;

    fn publishable() -> PublishableKey {
        let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
        PublishableKey::new(id, Environment::Test, "localhost:7700".parse().unwrap())
    }

    #[test]
    fn every_single_character_change_is_found() {
        for key in [publishable(), publishable().with_brand(Some("acme".parse().unwrap()))] {
            let text = key.to_string();
            assert_eq!(PublishableKey::parse(&text).unwrap(), key);
            for at in 0..text.len() {
                for other in ["1", "z", "_", "0", ""] {
                    let mut changed = text.clone();
                    changed.replace_range(at..=at, other);
                    if changed != text {
                        assert!(PublishableKey::parse(&changed).is_err(), "{changed}");
                    }
                }
                assert!(PublishableKey::parse(&text[..at]).is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn a_swapped_prefix_is_found() {
        let text = publishable().to_string();
        for (from, to) in [("_test_", "_live_"), ("pk_", "acme_pk_")] {
            let error = PublishableKey::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::MalformedKey);
        }
        let swapped = text.replacen("pk_", "sk_", 1);
        assert_eq!(SecretKey::parse(&swapped).unwrap_err().code(), ErrorCode::MalformedKey);
    }

    #[test]
    fn the_error_says_where() {
        let text = publishable().to_string();
        let mut changed = text.clone();
        changed.replace_range(20..=20, "0");
        let error = PublishableKey::parse(&changed).unwrap_err();
        assert_eq!((error.code(), error.offset()), (ErrorCode::MalformedKey, Some(20)));
        assert_eq!(PublishableKey::parse("pk_prod_x").unwrap_err().offset(), Some(3));
        // Of these nobody knows where the mistake is.
        let mut swapped = text.clone();
        swapped.replace_range(20..=20, if &text[20..=20] == "z" { "y" } else { "z" });
        for wrong in [&swapped, &text[..text.len() - 1], &(text.clone() + "z"), &text[..10]] {
            let error = PublishableKey::parse(wrong).unwrap_err();
            assert_eq!((error.code(), error.offset()), (ErrorCode::MalformedKey, None), "{wrong}");
            let said = error.to_string();
            assert!(said.contains("checksum does not match") || said.contains("wrong length"), "{said}");
        }
        assert_eq!(PublishableKey::parse("").unwrap_err().offset(), Some(0));
        assert_eq!(PublishableKey::parse(&"x".repeat(10_000)).unwrap_err().offset(), Some(256));
    }

    #[test]
    fn secret_keys_print_nothing_secret() {
        let brand: Brand = "acme".parse().unwrap();
        let key = SecretKey::new(KeyId::from_parts(1, [7; 10]), Environment::Live, SigningKey::from_seed(&[9; 32]))
            .with_brand(Some(brand));
        let text = key.to_key_string();
        assert_eq!(&*SecretKey::parse(&text).unwrap().signing_key().to_seed(), &[9; 32]);
        assert_eq!(alloc::format!("{key:?}"), alloc::format!("SecretKey({})", key.id()));
        assert_eq!(key.to_masked(), alloc::format!("acme_sk_live_…{}", &text[text.len() - 4..]));
    }

    #[test]
    fn the_kind_shows_in_the_prefix() {
        assert_eq!(KeyKind::of("acme_sk_live_x"), Some(KeyKind::Secret));
        assert_eq!(KeyKind::of("pk_test_"), Some(KeyKind::Publishable));
        assert_eq!(KeyKind::of("a_b_sk_"), None);
        assert_eq!(KeyKind::of("eyJhbGciOiJFZERTQSJ9.e30.cj9HeQ6nz8ZL_sk_b80nwr675"), None);
    }
}
