//! Grants, for the backend that has a secret key.

use doorkey_core::{Bind, Error, GrantClaims, SecretKey, to_base64url};

use crate::options::{Given, origin};
use crate::report::At;

/// Signs a grant: `request` is JSON, `random` makes it unlike every other, `now` is in milliseconds since the epoch.
///
/// Fails with [`doorkey_core::ErrorCode::InvalidInput`], and as [`SecretKey::parse`] does.
pub fn sign_grant(secret_key: &str, request: &str, random: &[u8], now: f64) -> Result<String, Error> {
    let key = SecretKey::parse(secret_key)?;
    let mut given = Given::read(request)?;
    let issuer: String = given.require("issuer", "an origin, https://keys.example.com")?;
    let issuer = origin("issuer", &issuer)?;
    let mut claims = GrantClaims::new(issuer.as_str(), At::from_millis(now).0.as_secs(), to_base64url(random));
    if let Some(subject) = given.take::<String>("subject", "a string")? {
        claims = claims.with_subject(subject);
    }
    if let Some(scope) = given.take::<String>("scope", "a string, or an array of them")? {
        claims = claims.with_scope(scope.parse()?);
    }
    if let Some(bind) = given.take::<Bind>("bind", "one of method, path, contentDigest and maxBytes, or several")? {
        claims = claims.with_bind(bind);
    }
    if let Some(seconds) = given.take("expiresIn", "whole seconds")? {
        claims = claims.with_lifetime(seconds);
    }
    given.end()?;
    claims.sign(&key)
}

#[cfg(test)]
mod tests {
    use doorkey_core::{Environment, ErrorCode, KeyId, SecretKey, SigningKey, UnverifiedGrant};

    use super::sign_grant;

    #[test]
    fn a_grant_says_what_was_asked_for() {
        let key = SecretKey::new(KeyId::from_bytes([1; 16]), Environment::Live, SigningKey::from_seed(&[9; 32]));
        let text = key.to_key_string();
        let sign = |request: &str| sign_grant(&text, request, &[7; 12], 1_700_000_000_900.0);
        let issuer = r#""issuer":"https://keys.example.com""#;
        let full = r#""subject":"u","scope":"pictures:read","bind":{"method":"PUT"},"expiresIn":10"#;
        let grant = sign(&format!("{{{issuer},{full}}}")).unwrap();
        let public = key.signing_key().verifying_key();
        let unverified = UnverifiedGrant::parse(&grant).unwrap();
        let claims = unverified.verify(&public, "https://keys.example.com", 1_700_000_000, 0).unwrap();
        assert_eq!((claims.iat, claims.exp, claims.sub.as_deref()), (1_700_000_000, 1_700_000_010, Some("u")));
        assert!(claims.bind.is_some() && claims.scope.is_some());
        for wrong in ["{}", r#"{"issuer":"keys.example.com"}"#, r#"{"issuer":"https://keys.example.com","sub":"u"}"#] {
            assert_eq!(sign(wrong).unwrap_err().code(), ErrorCode::InvalidInput, "{wrong}");
        }
        assert_eq!(sign(&format!("{{{issuer},\"expiresIn\":3601}}")).unwrap_err().code(), ErrorCode::InvalidInput);
        assert_eq!(sign_grant("sk_live_1", "{}", &[], 0.0).unwrap_err().code(), ErrorCode::MalformedKey);
    }
}
