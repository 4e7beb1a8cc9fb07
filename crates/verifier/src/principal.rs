use doorkey_core::{
    Environment, Error, ErrorCode, KeyId, OrganizationId, Origin, Scope, ScopeSet, SessionId, WorkspaceId,
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
    /// The publishable key that the session was minted with.
    pub fn key_id(&self) -> KeyId {
        self.0.claims().client_id
    }

    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.0.claims().jti
    }

    /// The end user that a grant named, or else the key's id.
    pub fn subject(&self) -> &str {
        &self.0.claims().sub
    }

    /// The organization that the key belongs to.
    pub fn organization(&self) -> OrganizationId {
        self.0.claims().doorkey.org
    }

    /// The workspace, unless the key belongs to the organization itself.
    pub fn workspace(&self) -> Option<WorkspaceId> {
        self.0.claims().doorkey.workspace
    }

    /// Live or test.
    pub fn environment(&self) -> Environment {
        self.0.claims().doorkey.env
    }

    /// The page's origin.
    pub fn origin(&self) -> &Origin {
        &self.0.claims().doorkey.origin
    }

    /// What the caller may do.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.claims().scope
    }

    /// Refuses with [`ErrorCode::InsufficientScope`] unless the caller has `scope`.
    pub fn require(&self, scope: &Scope) -> Result<(), Error> {
        if self.scopes().permits(scope) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::InsufficientScope, format!("this call needs the scope {scope}")))
    }
}

impl serde::Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scopes: Vec<&str> = self.scopes().iter().map(Scope::as_str).collect();
        let mut members = serializer.serialize_struct("Principal", 8)?;
        members.serialize_field("key_id", &self.key_id())?;
        members.serialize_field("session_id", &self.session_id())?;
        members.serialize_field("subject", self.subject())?;
        members.serialize_field("organization", &self.organization())?;
        members.serialize_field("workspace", &self.workspace())?;
        members.serialize_field("environment", &self.environment())?;
        members.serialize_field("origin", self.origin())?;
        members.serialize_field("scopes", &scopes)?;
        members.end()
    }
}
