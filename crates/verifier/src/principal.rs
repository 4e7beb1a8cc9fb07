use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use doorkey_core::{
    Environment, Error, ErrorCode, KeyId, KeyKind, OrganizationId, Origin, Scope, ScopeSet, SessionId, WorkspaceId,
};
use serde::ser::SerializeStruct;

use crate::decision::Accepted;

/// Who calls, and with what rights: what an API's handler gets to see.
///
/// It can only be had from a request that was accepted.
#[derive(Clone, Debug)]
pub struct Principal(Accepted);

impl From<Accepted> for Principal {
    fn from(accepted: Accepted) -> Self {
        Self(accepted)
    }
}

impl Principal {
    /// The secret key that was used, or the publishable key that the session was minted with.
    pub fn key_id(&self) -> KeyId {
        self.0.key_id()
    }

    /// Whether a session of a publishable key calls, or a secret key.
    pub fn kind(&self) -> KeyKind {
        if self.0.claims().is_some() { KeyKind::Publishable } else { KeyKind::Secret }
    }

    /// The session; `None` for a secret key.
    pub fn session_id(&self) -> Option<SessionId> {
        self.0.claims().map(|claims| claims.jti)
    }

    /// The end user that a grant named, or else the key's id.
    pub fn subject(&self) -> Cow<'_, str> {
        match self.0.claims() {
            Some(claims) => Cow::Borrowed(&claims.sub),
            None => Cow::Owned(self.key_id().to_string()),
        }
    }

    /// The organization that the key belongs to.
    pub fn organization(&self) -> OrganizationId {
        self.0.owner().0
    }

    /// The workspace, unless the key belongs to the organization itself.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.0.owner().1
    }

    /// Of a key of an organization: the workspaces that it is for, `None` for all of them.
    pub fn workspaces(&self) -> Option<&[WorkspaceId]> {
        self.0.key()?.policy.workspaces.as_deref()
    }

    /// Live or test.
    pub fn environment(&self) -> Environment {
        self.0.environment()
    }

    /// The page's origin; `None` for a secret key.
    pub fn origin(&self) -> Option<&Origin> {
        self.0.claims().map(|claims| &claims.doorkey.origin)
    }

    /// What the caller may do.
    pub fn scopes(&self) -> &ScopeSet {
        self.0.scopes()
    }

    /// One of the operator's own limits: the key's, or else the catalogue's. Known with a directory alone.
    pub fn limit(&self, name: &str) -> Option<u64> {
        let own = self.0.key().and_then(|key| key.policy.limits.get(name));
        own.or_else(|| self.0.settings()?.limits.get(name)).copied()
    }

    /// All of the operator's own limits, as [`limit`](Self::limit) tells each.
    pub fn limits(&self) -> BTreeMap<&str, u64> {
        let common = self.0.settings().into_iter().flat_map(|settings| &settings.limits);
        let own = self.0.key().into_iter().flat_map(|key| &key.policy.limits);
        common.chain(own).map(|(name, limit)| (name.as_str(), *limit)).collect()
    }

    /// Where the request came from, if that is known.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.0.client()
    }

    /// Refuses with [`ErrorCode::InsufficientScope`] unless the caller has `scope`.
    pub fn require(&self, scope: &Scope) -> Result<(), Error> {
        self.scopes().require(scope)
    }

    /// Refuses with [`ErrorCode::WrongWorkspace`] unless the caller's key is for this workspace of this organization.
    pub fn require_workspace(&self, organization: OrganizationId, workspace: WorkspaceId) -> Result<(), Error> {
        if self.0.is_for((organization, workspace)) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::WrongWorkspace, "the key is not for this workspace"))
    }
}

#[cfg(feature = "server")]
impl Principal {
    /// What it was made of.
    pub(crate) fn accepted(&self) -> &Accepted {
        &self.0
    }
}

impl serde::Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scopes: Vec<&str> = self.scopes().iter().map(Scope::as_str).collect();
        let mut members = serializer.serialize_struct("Principal", 9)?;
        members.serialize_field("key_id", &self.key_id())?;
        members.serialize_field("kind", &self.kind())?;
        members.serialize_field("session_id", &self.session_id())?;
        members.serialize_field("subject", &self.subject())?;
        members.serialize_field("organization", &self.organization())?;
        members.serialize_field("workspace", &self.workspace())?;
        members.serialize_field("environment", &self.environment())?;
        members.serialize_field("origin", &self.origin())?;
        members.serialize_field("scopes", &scopes)?;
        members.end()
    }
}
