//! Grants, for the backend that has a secret key.

use doorkey_core::{Bind, Error, GrantClaims, SecretKey, to_base64url};

use crate::options::invalid;
use crate::report::At;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    issuer: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    bind: Option<Bind>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// Signs a grant: `request` is JSON, `random` makes it unlike every other, `now` is in milliseconds since the epoch.
///
/// Fails with [`doorkey_core::ErrorCode::InvalidInput`], and as [`SecretKey::parse`] does.
pub fn sign_grant(secret_key: &str, request: &str, random: &[u8], now: f64) -> Result<String, Error> {
    let key = SecretKey::parse(secret_key)?;
    let request: Request =
        serde_json::from_str(request).map_err(|error| invalid(format!("options of signGrant: {error}")))?;
    let issuer: doorkey_core::Origin = request.issuer.parse()?;
    let mut claims = GrantClaims::new(issuer.as_str(), At::from_millis(now).0.as_secs(), to_base64url(random));
    if let Some(subject) = request.subject {
        claims = claims.with_subject(subject);
    }
    if let Some(scope) = request.scope {
        claims = claims.with_scope(scope.parse()?);
    }
    if let Some(bind) = request.bind {
        claims = claims.with_bind(bind);
    }
    if let Some(seconds) = request.expires_in {
        claims = claims.with_lifetime(seconds);
    }
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
