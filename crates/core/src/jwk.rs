//! JSON Web Keys (RFC 7517, RFC 8037) and their thumbprints (RFC 7638).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::digest::sha256;
use crate::encoding::{parse_base64url_array, to_base64url};
use crate::error::{Error, ErrorCode};
use crate::json::parse_strict;
use crate::key::VerifyingKey;

/// The SHA-256 thumbprint of a public key (RFC 7638): the `kid` of an issuer key and the `jkt` of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Computes the thumbprint of a key.
    pub fn of(key: &VerifyingKey) -> Self {
        Self::of_bytes(key.as_bytes())
    }

    /// Computes the thumbprint of bytes that may turn out to be no key.
    pub(crate) fn of_bytes(key: &[u8; VerifyingKey::LEN]) -> Self {
        let mut text = String::with_capacity(96);
        text.push_str(r#"{"crv":"Ed25519","kty":"OKP","x":""#);
        text.push_str(&to_base64url(key));
        text.push_str("\"}");
        Self(sha256(text.as_bytes()))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64url(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Thumbprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse_base64url_array(text)
            .map(Self)
            .ok_or_else(|| Error::new(ErrorCode::InvalidInput, "a thumbprint is 43 characters of base64url"))
    }
}

impl serde::Serialize for Thumbprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Thumbprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The public signing keys of an issuer, by thumbprint.
#[derive(Clone, Debug, Default)]
pub struct JwkSet(Vec<(Thumbprint, VerifyingKey)>);

#[derive(serde::Deserialize)]
struct RawSet {
    keys: Vec<RawKey>,
}

#[derive(serde::Deserialize)]
struct RawKey {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
}

impl JwkSet {
    /// The most keys that a set may hold; an issuer has two or three.
    pub const MAX_KEYS: usize = 64;

    /// A set of the given keys.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        Self(keys.into_iter().map(|key| (Thumbprint::of(&key), key)).collect())
    }

    /// Reads a JWK Set document. Keys of other types are passed over; `kid` is computed, never believed.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let invalid = |detail| Error::new(ErrorCode::KeysUnavailable, detail);
        let raw: RawSet = parse_strict(json).map_err(|_| invalid("the document is not a JWK Set in strict JSON"))?;
        if raw.keys.len() > Self::MAX_KEYS {
            return Err(invalid("the key set is too large"));
        }
        let mut keys = Vec::new();
        for raw in raw.keys.iter().filter(|raw| raw.kty == "OKP" && raw.crv.as_deref() == Some("Ed25519")) {
            let x = raw.x.as_deref().unwrap_or_default();
            let key = VerifyingKey::from_base64url(x).map_err(|_| invalid("the key set holds an unusable key"))?;
            keys.push(key);
        }
        Ok(Self::new(keys))
    }

    /// The document as JSON: `kty crv x kid use`, and no `alg`, which half of the JWT libraries would trip over.
    pub fn to_json(&self) -> String {
        #[derive(serde::Serialize)]
        struct Jwk {
            kty: &'static str,
            crv: &'static str,
            x: String,
            kid: Thumbprint,
            r#use: &'static str,
        }
        let keys: Vec<_> = self
            .0
            .iter()
            .map(|(kid, key)| Jwk { kty: "OKP", crv: "Ed25519", x: key.to_base64url(), kid: *kid, r#use: "sig" })
            .collect();
        alloc::format!("{{\"keys\":{}}}", serde_json::to_string(&keys).unwrap_or_default())
    }

    /// The key with this thumbprint.
    pub fn find(&self, kid: &Thumbprint) -> Option<&VerifyingKey> {
        self.0.iter().find(|(known, _)| known == kid).map(|(_, key)| key)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{JwkSet, Thumbprint};
    use crate::key::{SigningKey, VerifyingKey};

    #[test]
    fn thumbprints_agree_with_rfc_8037() {
        let key = VerifyingKey::from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(Thumbprint::of(&key).to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_set_reads_back_and_passes_over_other_types() {
        let key = SigningKey::from_seed(&[1; 32]).verifying_key();
        let json = JwkSet::new([key.clone()]).to_json();
        assert!(!json.contains("\"alg\""));
        let with_rsa = json.replace("{\"keys\":[", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"},");
        assert_eq!(JwkSet::parse(with_rsa.as_bytes()).unwrap().find(&Thumbprint::of(&key)), Some(&key));
        for refused in ["", "{}", "[]", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"OKP","crv":"Ed25519"}]}"#] {
            assert!(JwkSet::parse(refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
