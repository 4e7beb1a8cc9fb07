//! Grants: what a customer's backend signs, offline, with its secret key, for one mint of its page.

use alloc::string::String;

use crate::bind::Bind;
use crate::error::{Error, ErrorCode};
use crate::id::KeyId;
use crate::json::{parse_strict, present};
use crate::jws::{self, Compact};
use crate::key::VerifyingKey;
use crate::key_string::SecretKey;
use crate::scope::ScopeSet;
use crate::verified::Verified;

/// The most bytes that a grant may have.
pub const MAX_GRANT_LEN: usize = 4096;
/// The longest life of a grant, in seconds.
pub const MAX_GRANT_LIFETIME: u64 = 3600;
/// How long a grant lives unless something else is said, in seconds: a page mints as soon as it has it.
pub const DEFAULT_GRANT_LIFETIME: u64 = 60;

const TYPE: &str = "doorkey-grant+jwt";
const MAX_ID_LEN: usize = 64;
const MAX_SUBJECT_LEN: usize = 255;

/// What a grant says.
///
/// ```
/// use doorkey_core::{Environment, GrantClaims, KeyId, SecretKey, SigningKey, UnverifiedGrant};
///
/// let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
/// let key = SecretKey::new(id, Environment::Live, SigningKey::from_seed(&[9; 32]));
/// let claims = GrantClaims::new("https://keys.example.com", 1_700_000_000, "q83vEjRWeJA")
///     .with_subject("user-42")
///     .with_scope("pictures:read".parse()?);
/// let grant = claims.sign(&key)?;
///
/// let unverified = UnverifiedGrant::parse(&grant)?;
/// assert_eq!(unverified.key_id(), id);
/// let public = key.signing_key().verifying_key();
/// let verified = unverified.verify(&public, "https://keys.example.com", 1_700_000_010, 30)?;
/// assert_eq!(*verified, claims);
/// # Ok::<(), doorkey_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantClaims {
    /// When the grant was signed, in Unix seconds.
    pub iat: u64,
    /// From when on the grant is refused, in Unix seconds; at most [`MAX_GRANT_LIFETIME`] after `iat`.
    pub exp: u64,
    /// What makes the grant unlike every other of its key: 1 to 64 characters of A-Z, a-z, 0-9, hyphen and underscore.
    pub jti: String,
    /// The issuer's URL.
    pub aud: String,
    /// The end user who the session is for: 1 to 255 characters, no spaces or control characters.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// What the session may do, at most.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeSet>,
    /// The requests that the session is for.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: KeyId,
}

impl GrantClaims {
    /// A grant for the issuer at `issuer`, made at `now` (Unix seconds), good for [`DEFAULT_GRANT_LIFETIME`]; `jti` is 1 to
    /// 64 characters that no other grant of the key has. What is wrong with them, [`sign`](Self::sign) says.
    ///
    /// ```
    /// use doorkey_core::{Environment, GrantClaims, KeyId, SecretKey, SigningKey};
    ///
    /// # let id = KeyId::from_parts(1_700_000_000_000, [7; 10]);
    /// # let key = SecretKey::new(id, Environment::Live, SigningKey::from_seed(&[9; 32]));
    /// let grant = GrantClaims::new("https://keys.example.com", 1_700_000_000, "q83vEjRWeJA").sign(&key)?;
    /// # assert!(doorkey_core::UnverifiedGrant::parse(&grant).is_ok());
    /// # Ok::<(), doorkey_core::Error>(())
    /// ```
    pub fn new(issuer: impl Into<String>, now: u64, jti: impl Into<String>) -> Self {
        Self {
            iat: now,
            exp: now.saturating_add(DEFAULT_GRANT_LIFETIME),
            jti: jti.into(),
            aud: issuer.into(),
            sub: None,
            scope: None,
            bind: None,
        }
    }

    /// Names the end user who the session is for.
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        Self { sub: Some(subject.into()), ..self }
    }

    /// Says what the session may do, at most.
    pub fn with_scope(self, scope: ScopeSet) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// Narrows the session to some requests.
    pub fn with_bind(self, bind: Bind) -> Self {
        Self { bind: Some(bind), ..self }
    }

    /// Lives for so many seconds; at most [`MAX_GRANT_LIFETIME`].
    pub fn with_lifetime(self, seconds: u64) -> Self {
        Self { exp: self.iat.saturating_add(seconds), ..self }
    }

    /// Signs the claims into a grant of `key`.
    ///
    /// Fails with [`ErrorCode::InvalidInput`] for a grant that no issuer would take at any time.
    pub fn sign(&self, key: &SecretKey) -> Result<String, Error> {
        let invalid = |detail| Error::new(ErrorCode::InvalidInput, detail);
        self.check().map_err(invalid)?;
        let header = alloc::format!(r#"{{"alg":"EdDSA","typ":"{TYPE}","kid":"{}"}}"#, key.id());
        let payload = serde_json::to_vec(self).map_err(|_| invalid("claims are not JSON"))?;
        let grant = jws::sign(header.as_bytes(), &payload, key.signing_key());
        if grant.len() > MAX_GRANT_LEN { Err(invalid("a grant has at most 4096 bytes")) } else { Ok(grant) }
    }

    /// What can be wrong with claims whatever the time, the key and the issuer.
    fn check(&self) -> Result<(), &'static str> {
        let lifetime = self.exp.checked_sub(self.iat);
        if !lifetime.is_some_and(|lifetime| (1..=MAX_GRANT_LIFETIME).contains(&lifetime)) {
            return Err("a grant lives for 1 to 3600 seconds");
        }
        let is_id = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=MAX_ID_LEN).contains(&self.jti.len()) || !self.jti.bytes().all(is_id) {
            return Err("jti has 1 to 64 characters of A-Z, a-z, 0-9, hyphen and underscore");
        }
        if let Some(subject) = &self.sub
            && (!(1..=MAX_SUBJECT_LEN).contains(&subject.chars().count())
                || subject.chars().any(|c| c.is_control() || c.is_whitespace()))
        {
            return Err("sub has 1 to 255 visible characters");
        }
        Ok(())
    }
}

/// A grant whose form is right and of which nothing is known to be true. Its claims cannot be reached.
pub struct UnverifiedGrant<'a> {
    compact: Compact<'a>,
    key_id: KeyId,
    claims: GrantClaims,
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorCode::GrantInvalid, detail)
}

impl<'a> UnverifiedGrant<'a> {
    /// Reads a grant's form. Fails with [`ErrorCode::GrantInvalid`].
    pub fn parse(grant: &'a str) -> Result<Self, Error> {
        if grant.len() > MAX_GRANT_LEN {
            return Err(refused("a grant has at most 4096 bytes"));
        }
        let compact = Compact::parse(grant).ok_or_else(|| refused("the grant is not three parts of base64url"))?;
        let header: Header = parse_strict(&compact.header).map_err(|_| {
            refused("the grant's header is not strict JSON with exactly alg, typ and a key's id as kid")
        })?;
        if !matches!(&*header.alg, "EdDSA" | "Ed25519") {
            return Err(refused("the grant's algorithm is not EdDSA"));
        }
        if header.typ != TYPE {
            return Err(refused("the grant's type is not doorkey-grant+jwt"));
        }
        let claims: GrantClaims =
            parse_strict(&compact.payload).map_err(|_| refused("the grant's claims are not those of a grant"))?;
        claims.check().map_err(refused)?;
        Ok(Self { compact, key_id: header.kid, claims })
    }

    /// Which secret key the grant says it was signed with.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Verifies signature, audience and times: `issuer` is the issuer's URL, `now` in Unix seconds, and the backend's
    /// clock may run ahead by `skew` seconds.
    ///
    /// Fails with [`ErrorCode::GrantInvalid`]. That a grant is used once is the issuer's to see to.
    pub fn verify(self, key: &VerifyingKey, issuer: &str, now: u64, skew: u64) -> Result<Verified<GrantClaims>, Error> {
        self.compact.verify(key).map_err(|_| refused("the grant's signature does not verify"))?;
        if self.claims.aud != issuer {
            return Err(refused("the grant is for another issuer"));
        }
        if self.claims.iat > now.saturating_add(skew) {
            return Err(refused("the grant was signed in the future"));
        }
        if self.claims.exp <= now {
            return Err(refused("the grant has expired"));
        }
        Ok(Verified::new(self.claims))
    }
}

impl core::fmt::Debug for UnverifiedGrant<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "UnverifiedGrant({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{GrantClaims, MAX_GRANT_LEN, MAX_GRANT_LIFETIME, UnverifiedGrant};
    use crate::error::ErrorCode;
    use crate::id::KeyId;
    use crate::jws;
    use crate::key::SigningKey;
    use crate::key_string::{Environment, SecretKey};

    const NOW: u64 = 1_700_000_000;
    const ISSUER: &str = "https://keys.example.com";

    fn key() -> SecretKey {
        SecretKey::new(KeyId::from_bytes([1; 16]), Environment::Live, SigningKey::from_seed(&[9; 32]))
    }

    fn claims() -> GrantClaims {
        GrantClaims {
            iat: NOW,
            exp: NOW + 60,
            jti: "q83vEjRWeJA".into(),
            aud: ISSUER.into(),
            sub: None,
            scope: None,
            bind: None,
        }
    }

    fn verify(grant: &str, issuer: &str, now: u64) -> Option<ErrorCode> {
        let key = key().signing_key().verifying_key();
        let verified = UnverifiedGrant::parse(grant).and_then(|grant| grant.verify(&key, issuer, now, 30));
        verified.err().map(|error| error.code())
    }

    #[test]
    fn a_grant_holds_for_its_issuer_and_its_time() {
        let grant = claims().sign(&key()).unwrap();
        for now in [NOW - 30, NOW, NOW + 59] {
            assert_eq!(verify(&grant, ISSUER, now), None, "{now}");
        }
        for now in [0, NOW - 31, NOW + 60, u64::MAX] {
            assert_eq!(verify(&grant, ISSUER, now), Some(ErrorCode::GrantInvalid), "{now}");
        }
        assert_eq!(verify(&grant, "https://keys.example.com/", NOW), Some(ErrorCode::GrantInvalid));
        let other = SigningKey::from_seed(&[8; 32]).verifying_key();
        let error = UnverifiedGrant::parse(&grant).unwrap().verify(&other, ISSUER, NOW, 30).unwrap_err();
        assert_eq!(error.code(), ErrorCode::GrantInvalid);
        let shown = alloc::format!("{:?}", UnverifiedGrant::parse(&grant).unwrap());
        assert_eq!(shown, alloc::format!("UnverifiedGrant({})", key().id()));
    }

    #[test]
    fn what_is_never_taken_is_neither_signed_nor_read() {
        let header = alloc::format!(r#"{{"alg":"EdDSA","typ":"doorkey-grant+jwt","kid":"{}"}}"#, key().id());
        let subject = |length: usize| "\u{e9}".repeat(length);
        for (claims, accepted) in [
            (claims(), true),
            (GrantClaims { exp: NOW, ..claims() }, false),
            (GrantClaims { exp: NOW - 1, ..claims() }, false),
            (GrantClaims { exp: NOW + MAX_GRANT_LIFETIME, ..claims() }, true),
            (GrantClaims { exp: NOW + MAX_GRANT_LIFETIME + 1, ..claims() }, false),
            (GrantClaims { jti: String::new(), ..claims() }, false),
            (GrantClaims { jti: "j".repeat(64), ..claims() }, true),
            (GrantClaims { jti: "j".repeat(65), ..claims() }, false),
            (GrantClaims { jti: "a.b".into(), ..claims() }, false),
            (GrantClaims { sub: Some(subject(255)), ..claims() }, true),
            (GrantClaims { sub: Some(subject(256)), ..claims() }, false),
            (GrantClaims { sub: Some(String::new()), ..claims() }, false),
            (GrantClaims { sub: Some("a b".into()), ..claims() }, false),
            (GrantClaims { sub: Some("a\u{0}".into()), ..claims() }, false),
            (GrantClaims { sub: Some("a\u{85}".into()), ..claims() }, false),
        ] {
            assert_eq!(claims.sign(&key()).is_ok(), accepted, "{claims:?}");
            let payload = serde_json::to_string(&claims).unwrap();
            let grant = jws::sign(header.as_bytes(), payload.as_bytes(), key().signing_key());
            assert_eq!(verify(&grant, ISSUER, NOW).is_none(), accepted, "{claims:?}");
        }
    }

    #[test]
    fn a_grant_is_bounded_to_the_byte() {
        let of_audience = |length: usize| GrantClaims { aud: "a".repeat(length), ..claims() };
        let longest = (2700..MAX_GRANT_LEN).take_while(|&length| of_audience(length).sign(&key()).is_ok()).last();
        let longest = longest.unwrap();
        let grant = of_audience(longest).sign(&key()).unwrap();
        assert!((MAX_GRANT_LEN - 1..=MAX_GRANT_LEN).contains(&grant.len()));
        assert!(UnverifiedGrant::parse(&grant).is_ok());
        let longer = of_audience(longest + 1);
        assert_eq!(longer.sign(&key()).unwrap_err().code(), ErrorCode::InvalidInput);
        let header = alloc::format!(r#"{{"alg":"EdDSA","typ":"doorkey-grant+jwt","kid":"{}"}}"#, key().id());
        let longer = jws::sign(header.as_bytes(), &serde_json::to_vec(&longer).unwrap(), key().signing_key());
        assert_eq!(UnverifiedGrant::parse(&longer).unwrap_err().code(), ErrorCode::GrantInvalid);
    }
}
