//! Grants: whether a session may be had for one. Pure, so that every rule is tested without a server.

use doorkey_core::{
    Bind, Error, ErrorCode, GrantClaims, KeyId, KeyKind, ScopeSet, UnverifiedGrant, Verified, VerifyingKey,
};

use crate::settings::Settings;
use crate::store::KeyRecord;

/// How far a backend's clock may run ahead, in seconds.
const SKEW: u64 = 30;

/// What a grant makes of a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The end user.
    pub(crate) subject: Option<String>,
    /// The secret key that signed the grant.
    pub(crate) signer: Option<KeyId>,
    /// What the session may do, in place of all that its key may.
    pub(crate) scope: Option<ScopeSet>,
    /// The requests that it is for.
    pub(crate) bind: Option<Bind>,
}

fn refused(detail: &'static str) -> Error {
    Error::new(ErrorCode::GrantInvalid, detail)
}

/// Verifies a grant that says to be of the secret key `signer`, for a session of `publishable`; yields that key.
///
/// Fails with `grant_invalid`, for a key that cannot be used too: whoever holds a grant learns no more of it.
pub(crate) fn verify(
    grant: UnverifiedGrant<'_>,
    signer: Option<KeyRecord>,
    publishable: &KeyRecord,
    settings: &Settings,
    now: u64,
) -> Result<(KeyRecord, Verified<GrantClaims>), Error> {
    // A key of the organization itself speaks for those of its workspaces that it is for.
    let speaks_for = |signer: &KeyRecord| match (signer.workspace, &signer.workspaces) {
        (Some(own), _) => publishable.workspace == Some(own),
        (None, Some(chosen)) => publishable.workspace.is_some_and(|workspace| chosen.contains(&workspace)),
        (None, None) => true,
    };
    let is_fit = |signer: &KeyRecord| {
        signer.kind == KeyKind::Secret
            && signer.is_usable(now)
            && signer.organization == publishable.organization
            && signer.environment == publishable.environment
            && speaks_for(signer)
    };
    let signer = signer.filter(is_fit).ok_or_else(|| refused("no active secret key of this place has signed it"))?;
    let key = signer.public_key.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let key = key.ok_or_else(|| refused("no active secret key of this place has signed it"))?;
    let claims = grant.verify(&key, settings.public_url().as_str(), now, SKEW)?;
    Ok((signer, claims))
}

/// What a grant that counts makes of the session. Its scopes are those of both keys, or fewer of them.
///
/// Fails with `grant_invalid`.
pub(crate) fn apply(claims: &GrantClaims, signer: &KeyRecord, publishable: &KeyRecord) -> Result<Granted, Error> {
    let scope = if let Some(scope) = &claims.scope {
        let has = |of: &KeyRecord| scope.iter().all(|scope| of.scopes.permits(scope));
        if !has(publishable) {
            return Err(refused("it grants a scope that the publishable key does not have"));
        }
        if !has(signer) {
            return Err(refused("it grants a scope that the key which signed it does not have"));
        }
        scope.clone()
    } else {
        common(&signer.scopes, &publishable.scopes)
    };
    let (subject, bind) = (claims.sub.clone(), claims.bind.clone());
    Ok(Granted { subject, signer: Some(signer.id), scope: Some(scope), bind })
}

/// What both permit: a scope of one that the other narrows to some resources is narrowed to them.
fn common(one: &ScopeSet, other: &ScopeSet) -> ScopeSet {
    let of_one = one.iter().filter(|scope| other.permits(scope));
    of_one.chain(other.iter().filter(|scope| one.permits(scope))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use doorkey_core::{
        Environment, ErrorCode, GrantClaims, KeyKind, SecretKey, SigningKey, UnverifiedGrant, WorkspaceId,
    };

    use super::{apply, verify};
    use crate::settings::{Settings, SettingsFile};
    use crate::store::KeyRecord;

    const NOW: u64 = 1_700_000_000;

    fn settings() -> Settings {
        Settings::resolve(SettingsFile::default(), "http://localhost:7700".parse().unwrap()).unwrap()
    }

    fn secret() -> KeyRecord {
        let key = SigningKey::from_seed(&[9; 32]).verifying_key();
        KeyRecord {
            public_key: Some(*key.as_bytes()),
            scopes: "a:read a:write".parse().unwrap(),
            ..KeyRecord::sample(KeyKind::Secret, Environment::Test)
        }
    }

    fn publishable() -> KeyRecord {
        KeyRecord {
            scopes: "a:read b:read".parse().unwrap(),
            ..KeyRecord::sample(KeyKind::Publishable, Environment::Test)
        }
    }

    fn claims() -> GrantClaims {
        GrantClaims {
            iat: NOW,
            exp: NOW + 60,
            jti: "j".into(),
            aud: "http://localhost:7700".into(),
            sub: None,
            scope: None,
            bind: None,
        }
    }

    fn code(signer: Option<&KeyRecord>, publishable: &KeyRecord, claims: &GrantClaims) -> Option<ErrorCode> {
        let key = SecretKey::new(secret().id, Environment::Test, SigningKey::from_seed(&[9; 32]));
        let grant = claims.sign(&key).unwrap();
        let grant = UnverifiedGrant::parse(&grant).unwrap();
        verify(grant, signer.cloned(), publishable, &settings(), NOW).err().map(|error| error.code())
    }

    #[test]
    fn only_an_active_secret_key_of_the_same_place_grants() {
        let (secret, publishable) = (secret(), publishable());
        let (there, elsewhere) = (publishable.workspace.unwrap(), WorkspaceId::from_bytes([8; 16]));
        let of_organization = |workspaces| KeyRecord { workspace: None, workspaces, ..secret.clone() };
        for signer in [&secret, &of_organization(None), &of_organization(Some(vec![elsewhere, there]))] {
            assert_eq!(code(Some(signer), &publishable, &claims()), None, "{signer:?}");
        }
        for signer in [
            KeyRecord { revoked_at: Some(1), ..secret.clone() },
            KeyRecord { disabled_at: Some(1), ..secret.clone() },
            KeyRecord { expires_at: Some(NOW), ..secret.clone() },
            KeyRecord { archived_at: Some(1), ..secret.clone() },
            KeyRecord { kind: KeyKind::Publishable, ..secret.clone() },
            KeyRecord { environment: Environment::Live, ..secret.clone() },
            KeyRecord { organization: doorkey_core::OrganizationId::from_bytes([8; 16]), ..secret.clone() },
            KeyRecord { workspace: Some(elsewhere), ..secret.clone() },
            KeyRecord { public_key: None, ..secret.clone() },
            KeyRecord { public_key: Some([4; 32]), ..secret.clone() },
            of_organization(Some(vec![elsewhere])),
        ] {
            assert_eq!(code(Some(&signer), &publishable, &claims()), Some(ErrorCode::GrantInvalid), "{signer:?}");
        }
        assert_eq!(code(None, &publishable, &claims()), Some(ErrorCode::GrantInvalid));
    }

    #[test]
    fn a_grant_has_its_issuer_and_its_time() {
        let code = |claims: GrantClaims| code(Some(&secret()), &publishable(), &claims);
        assert_eq!(code(GrantClaims { iat: NOW + 30, ..claims() }), None);
        for wrong in [
            GrantClaims { aud: "https://keys.example.com".into(), ..claims() },
            GrantClaims { iat: NOW - 60, exp: NOW, ..claims() },
            GrantClaims { iat: NOW + 31, exp: NOW + 60, ..claims() },
        ] {
            assert_eq!(code(wrong), Some(ErrorCode::GrantInvalid));
        }
    }

    #[test]
    fn what_is_granted_is_within_both_keys() {
        let granted = |scope: &str| {
            let claims = GrantClaims { scope: Some(scope.parse().unwrap()), ..claims() };
            apply(&claims, &secret(), &publishable()).map(|granted| granted.scope.unwrap().to_string())
        };
        assert_eq!(granted("a:read").unwrap(), "a:read");
        assert_eq!(granted("a:read/holidays").unwrap(), "a:read/holidays");
        for refused in ["a:write", "b:read", "a:read b:read", "c:read"] {
            assert_eq!(granted(refused).unwrap_err().code(), ErrorCode::GrantInvalid, "{refused}");
        }
    }

    #[test]
    fn what_names_no_scope_grants_what_both_keys_have() {
        for (signer, page, granted) in [
            ("a:read a:write", "a:read b:read", "a:read"),
            ("a:read", "a:read/holidays b:read", "a:read/holidays"),
            ("a:read/holidays", "a:read", "a:read/holidays"),
            ("a:read/holidays a:read/work", "a:read/holidays a:read/home", "a:read/holidays"),
            ("a:read", "b:read", ""),
            ("", "a:read", ""),
        ] {
            let signer = KeyRecord { scopes: signer.parse().unwrap(), ..secret() };
            let page = KeyRecord { scopes: page.parse().unwrap(), ..publishable() };
            let done = apply(&claims(), &signer, &page).unwrap();
            assert_eq!(done.scope.unwrap().to_string(), granted);
            assert_eq!((done.signer, done.subject, done.bind), (Some(signer.id), None, None));
        }
    }
}
