//! The mint's decision: may this page have a session for this key? Pure, so that every rule is tested without a server.

use doorkey_core::token::{Claims, Confirmation, DoorkeyClaims};
use doorkey_core::{
    Environment, Error, ErrorCode, KeyKind, Origin, PublishableKey, SecretKey, SessionId, SignedMint, Thumbprint,
};

use crate::grant::Granted;
use crate::settings::Settings;
use crate::store::{KeyRecord, Restriction};

/// What a mint presents as its key.
#[derive(Debug)]
pub(crate) enum Presented {
    /// A publishable key of this issuer; nothing is known about it yet.
    Publishable(PublishableKey),
    /// A secret key, which thereby reached a page; `None` where it is not even whole.
    Secret(Option<SecretKey>),
}

/// Reads what the mint presents, up to the point where the registry must be asked.
///
/// Fails with `malformed_key`, with `key_unknown` for a key of another issuer, and with `token_invalid` for a mint that
/// was signed for another URL.
pub(crate) fn read(mint: &SignedMint, settings: &Settings) -> Result<Presented, Error> {
    let text = &mint.claims.publishable_key;
    if KeyKind::of(text) == Some(KeyKind::Secret) {
        return Ok(Presented::Secret(SecretKey::parse(text).ok()));
    }
    let key = PublishableKey::parse(text)?;
    if key.issuer() != *settings.public_url() {
        return Err(Error::new(ErrorCode::KeyUnknown, "the key names another issuer"));
    }
    if mint.claims.aud != settings.mint_url() {
        return Err(Error::new(ErrorCode::TokenInvalid, "the mint was signed for another URL"));
    }
    Ok(Presented::Publishable(key))
}

/// The key that a mint names, if that is a key as it is named, and one that can be used.
///
/// Fails with `key_unknown`, whatever the reason: whoever holds only a publishable key learns no more.
pub(crate) fn usable(key: &PublishableKey, record: Option<KeyRecord>, now: u64) -> Result<KeyRecord, Error> {
    let is_this = |record: &KeyRecord| {
        record.is_usable(now)
            && record.kind == KeyKind::Publishable
            && record.environment == key.environment()
            && record.brand.as_ref().is_none_or(|brand| brand.as_ref() == key.brand())
    };
    let unknown = || Error::new(ErrorCode::KeyUnknown, "this issuer has no active key of this name");
    record.filter(is_this).ok_or_else(unknown)
}

/// A session that may be.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) claims: Claims,
    /// Whether a restriction in shadow would have refused it.
    pub(crate) is_shadowed: bool,
}

/// Decides: the claims of the session's token, or why there is none. `record` is a key that can be used.
///
/// `origin` is the request's `Origin`, if there was exactly one that is an origin; `now` is in Unix seconds.
///
/// Fails with `origin_not_allowed`.
pub(crate) fn decide(
    mint: &SignedMint,
    record: &KeyRecord,
    granted: Granted,
    origin: Option<&Origin>,
    settings: &Settings,
    session: SessionId,
    now: u64,
) -> Result<Decision, Error> {
    let origin = origin
        .ok_or_else(|| Error::new(ErrorCode::OriginNotAllowed, "the request has no origin, or one that is none"))?;
    let is_shadowed = !is_allowed(record, origin);
    if is_shadowed && !record.shadow.contains(&Restriction::Origins) {
        return Err(Error::new(ErrorCode::OriginNotAllowed, "the page's origin is not on the key's list"));
    }
    let claims = Claims {
        iss: settings.public_url().as_str().to_owned(),
        aud: settings.audiences().to_vec(),
        sub: granted.subject.unwrap_or_else(|| record.id.to_string()),
        client_id: record.id,
        iat: now,
        exp: now + record.session_lifetime.unwrap_or(settings.token_lifetime()),
        jti: session,
        scope: granted.scope.unwrap_or_else(|| record.scopes.clone()),
        cnf: Confirmation { jkt: Thumbprint::of(&mint.key) },
        doorkey: DoorkeyClaims {
            org: record.organization,
            workspace: record.workspace,
            env: record.environment,
            origin: origin.clone(),
            bind: granted.bind,
            granted_by: granted.signer,
        },
    };
    Ok(Decision { claims, is_shadowed })
}

fn is_allowed(record: &KeyRecord, origin: &Origin) -> bool {
    (record.environment == Environment::Test && origin.is_loopback())
        || record.origins.iter().any(|pattern| pattern.matches(origin))
}

#[cfg(test)]
mod tests {
    use doorkey_core::{
        Environment, ErrorCode, KeyKind, MintClaims, PublishableKey, SessionId, SignedMint, SigningKey,
    };

    use super::{Presented, decide, read, usable};
    use crate::grant::Granted;
    use crate::settings::{Settings, SettingsFile};
    use crate::store::{KeyRecord, Restriction};

    fn settings() -> Settings {
        Settings::resolve(SettingsFile::default(), "http://localhost:7700".parse().unwrap()).unwrap()
    }

    fn record(environment: Environment) -> KeyRecord {
        KeyRecord {
            scopes: "pictures:read".parse().unwrap(),
            origins: vec!["https://*.shop.example".parse().unwrap()],
            ..KeyRecord::sample(KeyKind::Publishable, environment)
        }
    }

    fn key(record: &KeyRecord) -> PublishableKey {
        PublishableKey::new(record.id, record.environment, "localhost:7700".parse().unwrap())
    }

    fn mint(publishable_key: &str) -> SignedMint {
        SignedMint {
            claims: MintClaims {
                publishable_key: publishable_key.into(),
                aud: "http://localhost:7700/v1/sessions".into(),
                iat: 0,
                jti: "j".into(),
                grant: None,
                challenge: None,
            },
            key: SigningKey::from_seed(&[1; 32]).verifying_key(),
        }
    }

    fn code(record: &KeyRecord, named: &PublishableKey, origin: &str) -> Option<ErrorCode> {
        let origin = origin.parse().ok();
        let session = SessionId::from_bytes([0; 16]);
        let usable = usable(named, Some(record.clone()), 1000);
        let decided = usable.and_then(|record| {
            decide(&mint(""), &record, Granted::default(), origin.as_ref(), &settings(), session, 1000)
        });
        decided.err().map(|error| error.code())
    }

    #[test]
    fn each_origin_rule_is_kept() {
        let (live, test) = (record(Environment::Live), record(Environment::Test));
        for (record, origin, allowed) in [
            (&live, "https://eu.shop.example", true),
            (&live, "https://shop.example", false),
            (&live, "http://localhost:3000", false),
            (&live, "", false),
            (&live, "null", false),
            (&test, "https://eu.shop.example", true),
            (&test, "http://localhost:3000", true),
            (&test, "https://[::1]", true),
            (&test, "https://localhost.example", false),
        ] {
            let expected = (!allowed).then_some(ErrorCode::OriginNotAllowed);
            assert_eq!(code(record, &key(record), origin), expected, "{origin}");
        }
        let unlisted = KeyRecord { origins: Vec::new(), ..live };
        assert_eq!(code(&unlisted, &key(&unlisted), "https://a.example"), Some(ErrorCode::OriginNotAllowed));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_unknown() {
        let active = record(Environment::Test);
        let named = key(&active);
        let unknown = Some(ErrorCode::KeyUnknown);
        let revoked = KeyRecord { revoked_at: Some(1), ..active.clone() };
        assert_eq!(code(&revoked, &named, "http://localhost"), unknown);
        let secret = KeyRecord { kind: KeyKind::Secret, ..active.clone() };
        assert_eq!(code(&secret, &named, "http://localhost"), unknown);
        let live = KeyRecord { environment: Environment::Live, ..active.clone() };
        assert_eq!(code(&live, &named, "https://eu.shop.example"), unknown);
        for (expires_at, disabled_at, archived_at, ends_at) in [
            (Some(1000), None, None, None),
            (None, Some(1), None, None),
            (None, None, Some(1), None),
            (None, None, None, Some(1000)),
        ] {
            let over = KeyRecord { expires_at, disabled_at, ends_at, archived_at, ..active.clone() };
            assert_eq!(code(&over, &named, "http://localhost"), unknown, "{over:?}");
        }
        let in_time = KeyRecord { expires_at: Some(1001), ..active };
        assert_eq!(code(&in_time, &named, "http://localhost"), None);
    }

    #[test]
    fn a_key_has_one_spelling() {
        let brand = || Some("acme".parse().unwrap());
        let record = |of| KeyRecord { brand: of, ..record(Environment::Test) };
        let named = |brand| key(&record(None)).with_brand(brand);
        for (of, named, known) in [
            (Some(brand()), named(brand()), true),
            (Some(brand()), named(None), false),
            (Some(None), named(brand()), false),
            (Some(None), named(None), true),
            (None, named(brand()), true),
        ] {
            let expected = (!known).then_some(ErrorCode::KeyUnknown);
            assert_eq!(code(&record(of), &named, "http://localhost"), expected);
        }
    }

    #[test]
    fn a_restriction_in_shadow_refuses_nothing_and_says_so() {
        let record = KeyRecord { shadow: [Restriction::Origins].into(), ..record(Environment::Live) };
        for (origin, is_shadowed) in [("https://eu.shop.example", false), ("https://evil.example", true)] {
            let (session, origin) = (SessionId::from_bytes([0; 16]), origin.parse().unwrap());
            let decided =
                decide(&mint(""), &record, Granted::default(), Some(&origin), &settings(), session, 1000).unwrap();
            assert_eq!(decided.is_shadowed, is_shadowed, "{origin}");
        }
        assert_eq!(code(&record, &key(&record), ""), Some(ErrorCode::OriginNotAllowed));
    }

    #[test]
    fn the_key_s_lifetime_comes_before_the_issuer_s() {
        let origin = "http://localhost".parse().unwrap();
        let own = KeyRecord { session_lifetime: Some(2), ..record(Environment::Test) };
        for (record, exp) in [(record(Environment::Test), 1300), (own, 1002)] {
            let session = SessionId::from_bytes([0; 16]);
            let claims = decide(&mint(""), &record, Granted::default(), Some(&origin), &settings(), session, 1000)
                .unwrap()
                .claims;
            assert_eq!((claims.iat, claims.exp), (1000, exp));
        }
    }

    #[test]
    fn what_a_mint_presents_is_told_apart() {
        let read = |text: &str| read(&mint(text), &settings());
        assert!(matches!(read("sk_live_cut"), Ok(Presented::Secret(None))));
        assert!(matches!(read("acme_sk_test_"), Ok(Presented::Secret(None))));
        assert_eq!(read("pk_live_cut").unwrap_err().code(), ErrorCode::MalformedKey);
        let named = key(&record(Environment::Test));
        assert!(matches!(read(&named.to_string()), Ok(Presented::Publishable(key)) if key == named));
        let foreign = PublishableKey::new(named.id(), Environment::Test, "keys.example.com".parse().unwrap());
        assert_eq!(read(&foreign.to_string()).unwrap_err().code(), ErrorCode::KeyUnknown);
    }
}
