//! What a key lets its holder do, whatever the credential: state, environment, workspace, origin and networks.

use std::net::IpAddr;
use std::sync::Arc;

use doorkey_core::{Environment, Error, ErrorCode, KeyKind, Scope, ScopeSet};
use ipnet::IpNet;

use super::{Accepted, Caller, Decision, Rejection};
use crate::directory::KnownKey;
use crate::limit::Restriction;
use crate::tokens::KnownToken;

impl Decision<'_> {
    /// Whom a session stands for, as its key is now.
    pub(super) fn session_rules(&self, token: Arc<KnownToken>, client: Option<IpAddr>) -> Result<Accepted, Rejection> {
        let claims = &token.claims;
        let key = match self.directory {
            None => None,
            Some((directory, _)) => {
                let known = directory.find(claims.client_id, &self.now)?;
                Some(known.ok_or(Rejection::KeyUnknown(claims.client_id))?)
            }
        };
        let (mut narrowed, mut shadowed) = (None, None);
        if let Some(key) = &key {
            let is_its = key.kind == KeyKind::Publishable
                && key.environment == claims.doorkey.env
                && (key.organization, key.workspace) == (claims.doorkey.org, claims.doorkey.workspace);
            if !is_its {
                return Err(Error::new(ErrorCode::TokenInvalid, "the token does not agree with its key").into());
            }
            self.check_state(key)?;
            self.check_granter(&token)?;
            let origin = &claims.doorkey.origin;
            let is_allowed = (key.environment == Environment::Test && origin.is_loopback())
                || key.policy.origins.iter().any(|pattern| pattern.matches(origin));
            if !is_allowed {
                shadowed = Some(Restriction::Origins);
                if !key.policy.shadow.contains(&Restriction::Origins) {
                    let detail = "the session's page is not of an origin on the key's list";
                    return Err(Error::new(ErrorCode::OriginNotAllowed, detail).into());
                }
            }
            if !claims.scope.is_within(&key.policy.scopes) {
                let left = claims.scope.iter().filter(|scope| key.policy.scopes.permits(scope));
                narrowed = Some(Arc::new(left.cloned().collect::<ScopeSet>()));
            }
        }
        Ok(self.caller(Caller::Session { token, key, narrowed }, client, shadowed)?)
    }

    /// Whom a secret key stands for, from where the request came from.
    pub(super) fn key_rules(&self, key: KnownKey, client: Option<IpAddr>) -> Result<Accepted, Error> {
        self.check_state(&key)?;
        let shadowed = check_network(&key, client)?;
        self.caller(Caller::SecretKey(key), client, shadowed)
    }

    /// What was accepted, by what its key may do now, after however long: what was withdrawn meanwhile is refused, or
    /// missing among its scopes.
    pub(crate) fn check_still(&self, accepted: Accepted) -> Result<Accepted, Rejection> {
        let Some((directory, _)) = self.directory else { return Ok(accepted) };
        let Accepted { caller, client, proof, body, .. } = accepted;
        let still = match caller {
            Caller::Session { token, .. } => self.session_rules(token, client)?,
            Caller::SecretKey(KnownKey { id, .. }) => {
                let key = directory.find(id, &self.now)?.ok_or(Rejection::KeyUnknown(id))?;
                self.key_rules(key, client)?
            }
        };
        Ok(Accepted { proof, body, ..still })
    }

    /// A session ends with the secret key that granted it, too.
    fn check_granter(&self, token: &KnownToken) -> Result<(), Error> {
        let (Some((directory, _)), Some(granter)) = (self.directory, token.claims.doorkey.granted_by) else {
            return Ok(());
        };
        match directory.find(granter, &self.now)? {
            Some(key) => self.check_state(&key),
            None => Err(Error::new(ErrorCode::KeyUnknown, "the key that granted the session is not known")),
        }
    }

    /// Whether all that the session may do are things for which URLs may be used more than once.
    pub(super) fn has_reusable_urls(&self, scopes: &ScopeSet) -> bool {
        let settings = self.directory.and_then(|(directory, _)| directory.settings());
        let is_reusable = |scope: &Scope| {
            settings.as_ref().is_some_and(|settings| settings.reusable_urls.iter().any(|one| one.covers(scope)))
        };
        !scopes.is_empty() && scopes.iter().all(is_reusable)
    }

    fn check_state(&self, key: &KnownKey) -> Result<(), Error> {
        let Some(code) = key.refusal(self.now.seconds()) else { return Ok(()) };
        let detail = match code {
            ErrorCode::KeyRevoked => "the key is revoked",
            ErrorCode::KeyExpired => "the key has expired",
            _ => "the key is disabled, or its workspace or organization is archived",
        };
        Err(Error::new(code, detail))
    }
}

/// Whether a key may be used from there; the restriction in shadow that would not.
fn check_network(key: &KnownKey, client: Option<IpAddr>) -> Result<Option<Restriction>, Error> {
    if key.policy.cidrs.is_empty() || client.is_some_and(|client| is_within(client, &key.policy.cidrs)) {
        return Ok(None);
    }
    if key.policy.shadow.contains(&Restriction::Cidrs) {
        return Ok(Some(Restriction::Cidrs));
    }
    // Only who holds the key comes this far. They learn their own address, or that of a proxy which is missing among the
    // trusted ones and may be a private one: who has stolen the key learns so where it does not work from, and never where
    // it does.
    let detail = match client {
        Some(client) => {
            format!("the request comes from {}, which is in none of the key's networks", client.to_canonical())
        }
        None => "it is not known where the request comes from, and the key is for some networks alone".to_owned(),
    };
    Err(Error::new(ErrorCode::IpNotAllowed, detail))
}

fn is_within(client: IpAddr, networks: &[IpNet]) -> bool {
    let client = client.to_canonical();
    networks.iter().any(|network| network.contains(&client))
}
