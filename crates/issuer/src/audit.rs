//! The audit: what was done and what was refused, each event bound to the one before it.

mod action;

pub use action::Action;

use std::fmt;
use std::str::FromStr;

use doorkey_core::{
    ErrorCode, Id, IdKind, InvitationId, KeyId, MemberId, OrganizationId, RoleId, SignInId, VerifierId, WorkspaceId,
    parse_base64url_array, to_base64url,
};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::vault::Vault;

/// What every event is bound with; a store without the master key cannot be given another past.
const PURPOSE: &str = "audit";

/// A MAC of an event and of all events before it.
pub(crate) type Mac = [u8; 32];

/// Who did it, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditActor {
    /// A person who had signed in.
    Member {
        /// The person.
        id: MemberId,
        /// The person's address at that time.
        email: String,
    },
    /// An API key, which was refused: keys manage nothing.
    Key {
        /// The key.
        id: KeyId,
        /// Its name at that time, or its id.
        name: String,
    },
    /// The operator, on the command line.
    Operator,
    /// The issuer itself, when a time had come.
    System,
}

impl AuditActor {
    /// `member`, `key`, `operator` or `system`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Member { .. } => "member",
            Self::Key { .. } => "key",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// The name at that time: an address, a key's name, or the kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Member { email, .. } => email,
            Self::Key { name, .. } => name,
            Self::Operator | Self::System => self.kind(),
        }
    }

    pub(crate) fn id_bytes(&self) -> Option<[u8; 16]> {
        match self {
            Self::Member { id, .. } => Some(*id.as_bytes()),
            Self::Key { id, .. } => Some(*id.as_bytes()),
            Self::Operator | Self::System => None,
        }
    }

    pub(crate) fn from_parts(kind: &str, id: Option<[u8; 16]>, name: String) -> Option<Self> {
        match (kind, id) {
            ("member", Some(id)) => Some(Self::Member { id: Id::from_bytes(id), email: name }),
            ("key", Some(id)) => Some(Self::Key { id: Id::from_bytes(id), name }),
            // Another name is none that was written.
            ("operator", None) if name == kind => Some(Self::Operator),
            ("system", None) if name == kind => Some(Self::System),
            _ => None,
        }
    }

    /// The id as a caller sees it.
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Member { id, .. } => Some(id.to_string()),
            Self::Key { id, .. } => Some(id.to_string()),
            Self::Operator | Self::System => None,
        }
    }
}

/// What something was done to: the kind of thing and which one, where it had an id already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub(crate) kind: &'static str,
    pub(crate) id: Option<[u8; 16]>,
}

/// The kinds of things, as their ids begin.
const KINDS: [&str; 8] = [
    KeyId::PREFIX,
    OrganizationId::PREFIX,
    WorkspaceId::PREFIX,
    MemberId::PREFIX,
    RoleId::PREFIX,
    InvitationId::PREFIX,
    SignInId::PREFIX,
    VerifierId::PREFIX,
];

impl Target {
    /// A thing of a kind that does not exist, or not yet.
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, id: None }
    }

    pub(crate) fn from_parts(kind: &str, id: Option<[u8; 16]>) -> Option<Self> {
        KINDS.into_iter().find(|known| *known == kind).map(|kind| Self { kind, id })
    }

    /// Reads an id of any kind.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (kind, _) = id.split_once('_')?;
        match KINDS.into_iter().find(|known| *known == kind)? {
            OrganizationId::PREFIX => id.parse().ok().map(|id: OrganizationId| id.into()),
            WorkspaceId::PREFIX => id.parse().ok().map(|id: WorkspaceId| id.into()),
            MemberId::PREFIX => id.parse().ok().map(|id: MemberId| id.into()),
            RoleId::PREFIX => id.parse().ok().map(|id: RoleId| id.into()),
            InvitationId::PREFIX => id.parse().ok().map(|id: InvitationId| id.into()),
            SignInId::PREFIX => id.parse().ok().map(|id: SignInId| id.into()),
            VerifierId::PREFIX => id.parse().ok().map(|id: VerifierId| id.into()),
            _ => id.parse().ok().map(|id: KeyId| id.into()),
        }
    }

    /// The kind of thing, in the words of the design.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            OrganizationId::PREFIX => "organization",
            WorkspaceId::PREFIX => "workspace",
            MemberId::PREFIX => "member",
            RoleId::PREFIX => "role",
            InvitationId::PREFIX => "invitation",
            SignInId::PREFIX => "sign_in",
            VerifierId::PREFIX => "verifier",
            _ => "key",
        }
    }

    /// The id as a caller sees it.
    pub fn id(&self) -> Option<String> {
        let bytes = self.id?;
        let text = match self.kind {
            OrganizationId::PREFIX => OrganizationId::from_bytes(bytes).to_string(),
            WorkspaceId::PREFIX => WorkspaceId::from_bytes(bytes).to_string(),
            MemberId::PREFIX => MemberId::from_bytes(bytes).to_string(),
            RoleId::PREFIX => RoleId::from_bytes(bytes).to_string(),
            InvitationId::PREFIX => InvitationId::from_bytes(bytes).to_string(),
            SignInId::PREFIX => SignInId::from_bytes(bytes).to_string(),
            VerifierId::PREFIX => VerifierId::from_bytes(bytes).to_string(),
            _ => KeyId::from_bytes(bytes).to_string(),
        };
        Some(text)
    }
}

impl<K: IdKind> From<Id<K>> for Target {
    fn from(id: Id<K>) -> Self {
        Self { kind: K::PREFIX, id: Some(*id.as_bytes()) }
    }
}

/// One line of the audit, as it is written once and for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// 1 for the first, without gaps.
    pub sequence: u64,
    /// When, in Unix seconds.
    pub at: u64,
    /// The organization that it concerns.
    pub organization: Option<OrganizationId>,
    /// The workspace that it concerns.
    pub workspace: Option<WorkspaceId>,
    /// Who.
    pub actor: AuditActor,
    /// What.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// Why it was refused; `None` for what was done.
    pub refused: Option<ErrorCode>,
    /// What changed. Never a secret.
    pub detail: Map<String, Value>,
    /// The id under which the request is logged.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
}

impl AuditEvent {
    /// Binds the event to the one before it.
    pub(crate) fn mac(&self, detail: &str, previous: &Mac, vault: &Vault) -> Mac {
        let organization = self.organization.map(|id| *id.as_bytes());
        let workspace = self.workspace.map(|id| *id.as_bytes());
        let (actor, target) = (self.actor.id_bytes(), self.target.id);
        let parts: [Option<&[u8]>; 15] = [
            Some(previous),
            Some(&self.sequence.to_be_bytes()),
            Some(&self.at.to_be_bytes()),
            organization.as_ref().map(|id| &id[..]),
            workspace.as_ref().map(|id| &id[..]),
            Some(self.actor.kind().as_bytes()),
            actor.as_ref().map(|id| &id[..]),
            Some(self.actor.name().as_bytes()),
            Some(self.action.as_str().as_bytes()),
            Some(self.target.kind.as_bytes()),
            target.as_ref().map(|id| &id[..]),
            self.refused.map(|code| code.as_str().as_bytes()),
            Some(detail.as_bytes()),
            self.request_id.as_ref().map(String::as_bytes),
            self.address.as_ref().map(String::as_bytes),
        ];
        vault.mac(PURPOSE, &parts)
    }
}

/// The last event of an audit. Kept somewhere else, it shows later whether the end was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// The last event's number; 0 for none.
    pub sequence: u64,
    /// Its MAC.
    pub mac: Mac,
}

impl fmt::Display for AuditHead {
    /// The number, a colon and the MAC in base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sequence, to_base64url(&self.mac))
    }
}

impl FromStr for AuditHead {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (sequence, mac) = text.split_once(':')?;
            Some(Self { sequence: sequence.parse().ok()?, mac: parse_base64url_array(mac)? })
        };
        parse().ok_or_else(|| Error::new(ErrorCode::InvalidInput, "the end of an audit is a number, a colon and a MAC"))
    }
}

/// What is wrong with an audit, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault {
    /// The number of the first event that is not as it was written.
    pub sequence: u64,
    /// What is wrong with it.
    pub detail: &'static str,
}

#[cfg(test)]
mod tests {

    use doorkey_core::{ErrorCode, KeyId, MemberId, OrganizationId, WorkspaceId};

    use super::{Action, AuditActor, AuditEvent};
    use crate::vault::Vault;

    fn event() -> AuditEvent {
        AuditEvent {
            sequence: 7,
            at: 1000,
            organization: Some(OrganizationId::from_bytes([1; 16])),
            workspace: None,
            actor: AuditActor::Member { id: MemberId::from_bytes([2; 16]), email: "a@b.example".into() },
            action: Action::RevokeKey,
            target: KeyId::from_bytes([3; 16]).into(),
            refused: None,
            detail: serde_json::Map::new(),
            request_id: Some("req_a".into()),
            address: None,
        }
    }

    #[test]
    fn every_member_is_bound() {
        let vault = Vault::new(&[1; 32]);
        let mac = |event: &AuditEvent| event.mac("{}", &[0; 32], &vault);
        let original = mac(&event());
        let changes: [fn(&mut AuditEvent); 10] = [
            |event| event.sequence = 8,
            |event| event.at = 1001,
            |event| event.organization = None,
            |event| event.workspace = Some(WorkspaceId::from_bytes([1; 16])),
            |event| event.actor = AuditActor::Operator,
            |event| event.action = Action::DisableKey,
            |event| event.target.id = None,
            |event| event.refused = Some(ErrorCode::LastKey),
            |event| event.request_id = None,
            |event| event.address = Some(String::new()),
        ];
        for (i, change) in changes.iter().enumerate() {
            let mut other = event();
            change(&mut other);
            assert_ne!(mac(&other), original, "change {i}");
        }
        assert_ne!(event().mac("{ }", &[0; 32], &vault), original);
        assert_ne!(event().mac("{}", &[1; 32], &vault), original);
        assert_ne!(event().mac("{}", &[0; 32], &Vault::new(&[2; 32])), original);
        assert_eq!(mac(&event()), original);
    }

    #[test]
    fn what_stands_in_one_member_cannot_pass_for_another() {
        let vault = Vault::new(&[1; 32]);
        let mac = |request_id: Option<&str>, address: Option<&str>| {
            let event = AuditEvent {
                request_id: request_id.map(str::to_owned),
                address: address.map(str::to_owned),
                ..event()
            };
            event.mac("{}", &[0; 32], &vault)
        };
        assert_ne!(mac(Some("ab"), Some("c")), mac(Some("a"), Some("bc")));
        assert_ne!(mac(Some("a"), None), mac(None, Some("a")));
        assert_ne!(mac(Some(""), None), mac(None, None));
    }
}
