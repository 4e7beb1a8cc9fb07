//! Session tokens: a JWT access token (RFC 9068) bound to a browser's key (RFC 7800, `cnf`).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::authority::Origin;
use crate::bind::Bind;
use crate::error::{Error, ErrorCode};
use crate::id::{KeyId, OrganizationId, SessionId, WorkspaceId};
use crate::json::parse_strict;
use crate::jwk::Thumbprint;
use crate::jws::{self, Compact};
use crate::key::{SigningKey, VerifyingKey};
use crate::key_string::Environment;
use crate::scope::ScopeSet;
use crate::verified::Verified;

/// The most bytes that a session token may have.
pub const MAX_TOKEN_LEN: usize = 4096;
/// The longest life of a session token, in seconds.
pub const MAX_TOKEN_LIFETIME: u64 = 600;

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claims {
    /// The issuer's URL.
    pub iss: String,
    /// The origins of the APIs that the token is for.
    pub aud: Vec<Origin>,
    /// The key's id, or the end user that a grant names.
    pub sub: String,
    /// The key that the session was minted with.
    pub client_id: KeyId,
    /// When the token was issued, in Unix seconds.
    pub iat: u64,
    /// From when on the token is refused, in Unix seconds.
    pub exp: u64,
    /// The session.
    pub jti: SessionId,
    /// What the session may do.
    pub scope: ScopeSet,
    /// The key that must sign each request.
    pub cnf: Confirmation,
    /// Doorkey's own claims.
    pub doorkey: DoorkeyClaims,
}

impl Claims {
    /// Refuses a token that is not for this API, and says for which it is.
    ///
    /// Fails with [`ErrorCode::TokenInvalid`].
    pub fn check_audience(&self, audience: &Origin) -> Result<(), Error> {
        if self.aud.contains(audience) {
            return Ok(());
        }
        let named = self.aud.iter().map(Origin::as_str).collect::<Vec<_>>().join(", ");
        Err(Error::new(ErrorCode::TokenInvalid, alloc::format!("the token is for {named}, and this API is {audience}")))
    }
}

/// The `cnf` claim (RFC 7800) with a thumbprint (RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Confirmation {
    /// Thumbprint of the browser's public key.
    pub jkt: Thumbprint,
}

/// The `doorkey` claim.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DoorkeyClaims {
    /// The organization that the key belongs to.
    pub org: OrganizationId,
    /// The workspace, unless the key belongs to the organization itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// Live or test.
    pub env: Environment,
    /// The page's origin.
    pub origin: Origin,
    /// The requests that the session is for, where the grant it was minted with names some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<Bind>,
    /// The secret key that signed the grant the session was minted with: the session ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<KeyId>,
}

#[derive(serde::Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    /// Any other member: `crit`, `b64`, `jwk`, `jku`, `x5c`, `zip` and whatever comes next change what a token means.
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

/// Signs claims into a session token.
///
/// Fails with [`ErrorCode::InvalidInput`] when the token would be longer than [`MAX_TOKEN_LEN`] or live longer than
/// [`MAX_TOKEN_LIFETIME`]: no verifier would take it.
pub fn issue(claims: &Claims, key: &SigningKey) -> Result<String, Error> {
    let lifetime = claims.exp.checked_sub(claims.iat).filter(|&lifetime| (1..=MAX_TOKEN_LIFETIME).contains(&lifetime));
    if lifetime.is_none() {
        return Err(Error::new(ErrorCode::InvalidInput, "a token lives for 1 to 600 seconds"));
    }
    let kid = Thumbprint::of(&key.verifying_key()).to_string();
    let header = alloc::format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#);
    let payload = serde_json::to_vec(claims).map_err(|_| Error::new(ErrorCode::InvalidInput, "claims are not JSON"))?;
    let token = jws::sign(header.as_bytes(), &payload, key);
    if token.len() > MAX_TOKEN_LEN {
        return Err(Error::new(
            ErrorCode::InvalidInput,
            "the token has more than 4096 bytes: the key has too many scopes",
        ));
    }
    Ok(token)
}

/// A token whose form is right and of which nothing is known to be true. Its claims cannot be reached.
pub struct UnverifiedToken<'a> {
    compact: Compact<'a>,
    kid: Thumbprint,
    claims: Claims,
}

/// What a verifier expects of a token.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The issuer's URL, exactly.
    pub issuer: &'a str,
    /// The API's own origin; one of the token's audiences must equal it.
    pub audience: &'a Origin,
    /// The time, in Unix seconds.
    pub now: u64,
    /// By how many seconds the issuer's clock may run ahead.
    pub skew: u64,
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::MalformedToken, detail)
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorCode::TokenInvalid, detail)
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token's form.
    ///
    /// Fails with [`ErrorCode::MalformedToken`] for what is no JWT of this profile, and with
    /// [`ErrorCode::TokenInvalid`] for another algorithm, another type or a header member that may not be there.
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(malformed("a token has at most 4096 bytes"));
        }
        let compact = Compact::parse(token).ok_or_else(|| malformed("the token is not three parts of base64url"))?;
        let header: Header = parse_strict(&compact.header)
            .map_err(|_| malformed("the token's header is not strict JSON with alg, typ and kid"))?;
        if !header.others.is_empty() {
            return Err(invalid("the token's header has members besides alg, typ and kid"));
        }
        if !matches!(&*header.alg, "EdDSA" | "Ed25519") {
            return Err(invalid("the token's algorithm is not EdDSA"));
        }
        if header.typ != "at+jwt" {
            return Err(invalid("the token's type is not at+jwt"));
        }
        let kid = header.kid.parse().map_err(|_| invalid("the token's kid is not a thumbprint"))?;
        let claims = parse_strict(&compact.payload)
            .map_err(|_| malformed("the token's claims are not those of a session token"))?;
        Ok(Self { compact, kid, claims })
    }

    /// Which of the issuer's keys the token says it was signed with.
    pub fn kid(&self) -> Thumbprint {
        self.kid
    }

    /// Verifies signature, issuer, audience and times.
    ///
    /// Fails with [`ErrorCode::TokenExpired`] from `exp` on, and with [`ErrorCode::TokenInvalid`] for anything else.
    pub fn verify(self, key: &VerifyingKey, expected: &Expected<'_>) -> Result<Verified<Claims>, Error> {
        if Thumbprint::of(key) != self.kid {
            return Err(invalid("the token was signed with another key"));
        }
        self.compact.verify(key).map_err(|_| invalid("the token's signature does not verify"))?;
        let claims = self.claims;
        if claims.iss != expected.issuer {
            return Err(invalid("the token is from another issuer"));
        }
        claims.check_audience(expected.audience)?;
        if claims.exp <= claims.iat || claims.exp - claims.iat > MAX_TOKEN_LIFETIME {
            return Err(invalid("the token's lifetime is not within 600 seconds"));
        }
        if claims.iat > expected.now.saturating_add(expected.skew) {
            return Err(invalid("the token was issued in the future"));
        }
        if claims.exp <= expected.now {
            return Err(Error::new(ErrorCode::TokenExpired, "the token has expired"));
        }
        Ok(Verified::new(claims))
    }
}

impl core::fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "UnverifiedToken(kid {})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claims, Confirmation, DoorkeyClaims, MAX_TOKEN_LEN, UnverifiedToken, issue};
    use crate::id::{KeyId, OrganizationId, SessionId};
    use crate::jwk::Thumbprint;
    use crate::key::SigningKey;
    use crate::key_string::Environment;
    use crate::scope::ScopeSet;

    #[test]
    fn a_token_is_bounded_to_the_byte_where_it_is_issued_and_where_it_is_read() {
        let key = SigningKey::from_seed(&[1; 32]);
        let of_subject = |length: usize| Claims {
            iss: "https://a.example".into(),
            aud: alloc::vec!["https://b.example".parse().unwrap()],
            sub: "s".repeat(length),
            client_id: KeyId::from_bytes([1; 16]),
            iat: 1,
            exp: 601,
            jti: SessionId::from_bytes([1; 16]),
            scope: ScopeSet::empty(),
            cnf: Confirmation { jkt: Thumbprint::of(&key.verifying_key()) },
            doorkey: DoorkeyClaims {
                org: OrganizationId::from_bytes([1; 16]),
                workspace: None,
                env: Environment::Live,
                origin: "https://c.example".parse().unwrap(),
                bind: None,
                granted_by: None,
            },
        };
        let longest =
            (2000..MAX_TOKEN_LEN).take_while(|&length| issue(&of_subject(length), &key).is_ok()).last().unwrap();
        let token = issue(&of_subject(longest), &key).unwrap();
        assert!((MAX_TOKEN_LEN - 1..=MAX_TOKEN_LEN).contains(&token.len()));
        assert!(UnverifiedToken::parse(&token).is_ok());
        let other = of_subject(1).check_audience(&"https://d.example".parse().unwrap()).unwrap_err();
        assert_eq!(alloc::format!("{other}"), "the token is for https://b.example, and this API is https://d.example");
        assert!(issue(&Claims { exp: 602, ..of_subject(1) }, &key).is_err());
        assert!(issue(&Claims { exp: 1, ..of_subject(1) }, &key).is_err());
    }
}
