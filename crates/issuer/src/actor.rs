//! Who asks for something, as the rules and the audit see it.

use std::net::IpAddr;

use doorkey_core::{KeyId, MemberId, SignInId};

/// Who asks, and in which request.
#[derive(Clone, Debug)]
pub struct Actor {
    pub(crate) who: Who,
    pub(crate) request: Option<RequestContext>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// Somebody who has signed in.
    Member(SignedIn),
    /// A key that its holder has proved to hold. Keys manage nothing; the audit names those that try.
    Key { id: KeyId, name: String },
    /// Who works on the database itself, with the command line.
    Operator,
    /// The issuer, when a time has come.
    System,
}

/// A person, signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) person: MemberId,
    pub(crate) email: String,
    /// Whether the person may create organizations.
    pub(crate) is_operator: bool,
    pub(crate) sign_in: SignInId,
    /// When the password was last asked again, in Unix seconds; 0 for never.
    pub(crate) confirmed_at: u64,
}

/// What the audit keeps of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// The id under which it is logged.
    pub(crate) id: String,
    pub(crate) address: IpAddr,
}

impl Actor {
    /// Who works on the database itself: whoever can, may do everything.
    pub const fn operator() -> Self {
        Self { who: Who::Operator, request: None }
    }

    /// The issuer itself.
    pub(crate) fn system() -> Self {
        Self { who: Who::System, request: None }
    }

    /// The person who has signed in, if it is one.
    pub(crate) fn signed_in(&self) -> Option<&SignedIn> {
        match &self.who {
            Who::Member(signed_in) => Some(signed_in),
            Who::Key { .. } | Who::Operator | Who::System => None,
        }
    }

    /// The same as an id.
    pub(crate) fn person(&self) -> Option<MemberId> {
        self.signed_in().map(|signed_in| signed_in.person)
    }
}
