use std::net::IpAddr;
use std::sync::Arc;

use doorkey_core::{Claims, Environment, KeyId, OrganizationId, ScopeSet, Verified, WorkspaceId};

use crate::directory::{DirectorySettings, KnownKey};
use crate::limit::Restriction;
use crate::signed::{BodyRule, UsedProof};
use crate::tokens::KnownToken;

/// A request that was accepted, and on whose behalf. Only the decision makes one.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub(super) caller: Caller,
    pub(super) client: Option<IpAddr>,
    pub(super) shadowed: Option<Restriction>,
    pub(super) proof: Option<UsedProof>,
    pub(super) body: BodyRule,
    pub(super) settings: Option<Arc<DirectorySettings>>,
}

#[derive(Clone, Debug)]
pub(super) enum Caller {
    Session {
        token: Arc<KnownToken>,
        key: Option<KnownKey>,
        /// What is left of the token's scopes, if the key has lost some since.
        narrowed: Option<Arc<ScopeSet>>,
    },
    SecretKey(KnownKey),
}

impl Accepted {
    /// What the session token says, if it is a session.
    pub fn claims(&self) -> Option<&Verified<Claims>> {
        self.token().map(|token| &token.claims)
    }

    /// The session's token, if it is a session.
    pub(super) fn token(&self) -> Option<&KnownToken> {
        match &self.caller {
            Caller::Session { token, .. } => Some(token),
            Caller::SecretKey(_) => None,
        }
    }

    /// The key that was used, or that the session was minted with.
    pub fn key_id(&self) -> KeyId {
        match &self.caller {
            Caller::Session { token, .. } => token.claims.client_id,
            Caller::SecretKey(key) => key.id,
        }
    }

    /// The organization and the workspace that the key belongs to.
    pub(crate) fn owner(&self) -> (OrganizationId, Option<WorkspaceId>) {
        match &self.caller {
            Caller::Session { token, .. } => (token.claims.doorkey.org, token.claims.doorkey.workspace),
            Caller::SecretKey(key) => (key.organization, key.workspace),
        }
    }

    /// Whether the key is for this workspace of this organization.
    pub(crate) fn is_for(&self, (organization, workspace): (OrganizationId, WorkspaceId)) -> bool {
        let (of, own) = self.owner();
        let chosen = self.key().and_then(|key| key.policy.workspaces.as_deref());
        of == organization
            && match (own, chosen) {
                (Some(own), _) => own == workspace,
                (None, Some(chosen)) => chosen.contains(&workspace),
                (None, None) => true,
            }
    }

    /// Live or test.
    pub(crate) fn environment(&self) -> Environment {
        match &self.caller {
            Caller::Session { token, .. } => token.claims.doorkey.env,
            Caller::SecretKey(key) => key.environment,
        }
    }

    /// What holds for all keys; `None` without a directory.
    pub(crate) fn settings(&self) -> Option<&DirectorySettings> {
        self.settings.as_deref()
    }

    /// What the directory says of the key; `None` without a directory.
    pub(crate) fn key(&self) -> Option<&KnownKey> {
        match &self.caller {
            Caller::Session { key, .. } => key.as_ref(),
            Caller::SecretKey(key) => Some(key),
        }
    }

    /// What the caller may do now.
    pub(crate) fn scopes(&self) -> &ScopeSet {
        match &self.caller {
            Caller::Session { narrowed: Some(scopes), .. } => scopes,
            Caller::Session { token, .. } => &token.claims.scope,
            Caller::SecretKey(key) => &key.policy.scopes,
        }
    }

    /// Where the request came from, if that is known.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// A restriction in shadow that would have refused the request.
    pub(crate) fn shadowed(&self) -> Option<Restriction> {
        self.shadowed
    }

    /// The proof that was used up.
    pub fn proof(&self) -> Option<&UsedProof> {
        self.proof.as_ref()
    }

    pub(crate) fn body(&self) -> BodyRule {
        self.body
    }
}
