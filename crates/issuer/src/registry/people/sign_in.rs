//! Signing in, and being recognized afterwards.

use doorkey_core::SignInId;

use super::Secret;
use super::back_off::KnownNetwork;
use crate::actor::{Actor, RequestContext, SignedIn, Who};
use crate::error::Error;
use crate::registry::{CONFIRMED_FOR, Change, Registry};
use crate::store::{Person, SignIn};

/// How long a sign-in lasts, in seconds.
const LIFETIME: u64 = 7 * 24 * 3600;
/// How long it lasts without being used.
const IDLE: u64 = 24 * 3600;
/// How many a person may have; the oldest ends.
const MAX_SIGN_INS: usize = 100;
/// Most characters that are kept of a browser's name for itself.
const MAX_USER_AGENT: usize = 300;

/// The request in which somebody comes in.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) request: RequestContext,
    /// `User-Agent`, or nothing.
    pub(crate) user_agent: String,
}

/// Somebody who has signed in a moment ago.
#[derive(Debug)]
pub(crate) struct SignedInNow {
    pub(crate) signed_in: SignedIn,
    pub(crate) name: String,
    /// For the cookie; it is stored nowhere.
    pub(crate) secret: Secret,
    pub(crate) created_at: u64,
    pub(crate) expires_at: u64,
}

/// A sign-in before it is written.
pub(super) struct NewSignIn {
    signed_in: SignedIn,
    name: String,
    secret: Secret,
    address: String,
    network: KnownNetwork,
    user_agent: String,
}

impl NewSignIn {
    /// The person, as the actor of what brings the sign-in about.
    pub(super) fn actor(&self, visit: &Visit) -> Actor {
        Actor { who: Who::Member(self.signed_in.clone()), request: Some(visit.request.clone()) }
    }

    pub(super) fn id(&self) -> SignInId {
        self.signed_in.sign_in
    }
}

impl SignIn {
    /// Whether it counts at this time.
    pub(super) fn is_live(&self, now: u64) -> bool {
        now < self.expires_at && now < self.last_seen_at.saturating_add(IDLE)
    }

    /// How long the password that was asked again still counts; `None` when it does not.
    pub(crate) fn confirmed_until(&self, now: u64) -> Option<u64> {
        Some(self.confirmed_at + CONFIRMED_FOR).filter(|&until| self.confirmed_at > 0 && now < until)
    }
}

impl Registry {
    /// Who has signed in with this secret; `None` when nobody has, or the sign-in has ended. It waits for no writer.
    pub(crate) async fn authenticate(&self, secret: &str) -> Result<Option<SignedIn>, Error> {
        let Some(secret) = Secret::parse(secret) else { return Ok(None) };
        let Some((sign_in, person)) = self.store.read().await?.sign_in_with(&secret.hash()).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if !sign_in.is_live(now) {
            return Ok(None);
        }
        self.note_seen(&sign_in, now);
        Ok(Some(SignedIn {
            person: person.id,
            email: person.email,
            is_operator: person.is_operator,
            sign_in: sign_in.id,
            confirmed_at: sign_in.confirmed_at,
        }))
    }

    /// Makes a sign-in. Nothing is written.
    pub(super) fn make_sign_in(&self, visit: &Visit, person: &Person) -> NewSignIn {
        NewSignIn {
            signed_in: self.make_signed_in(person),
            name: person.name.clone(),
            secret: Secret::new(self.entropy()),
            address: visit.request.address.to_canonical().to_string(),
            network: self.known_network(&person.email, &visit.request),
            user_agent: visit.user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect(),
        }
    }

    /// A person with a sign-in that is not there yet.
    pub(super) fn make_signed_in(&self, person: &Person) -> SignedIn {
        SignedIn {
            person: person.id,
            email: person.email.clone(),
            is_operator: person.is_operator,
            sign_in: self.new_id(),
            confirmed_at: 0,
        }
    }
}

impl Change<'_> {
    /// Writes a sign-in; what has expired makes place, and the oldest where there are too many.
    pub(super) async fn insert_sign_in(&mut self, new: NewSignIn) -> Result<SignedInNow, Error> {
        let NewSignIn { signed_in, name, secret, address, network, user_agent } = new;
        let person = signed_in.person;
        let (mut kept, ended): (Vec<_>, Vec<_>) =
            self.transaction.sign_ins_of(person).await?.into_iter().partition(|sign_in| sign_in.is_live(self.now));
        let too_many = (kept.len() + 1).saturating_sub(MAX_SIGN_INS);
        for sign_in in ended.into_iter().chain(kept.drain(..too_many)) {
            self.transaction.delete_sign_in(sign_in.id, person).await?;
        }
        let sign_in = SignIn {
            id: signed_in.sign_in,
            person,
            address,
            user_agent,
            created_at: self.now,
            last_seen_at: self.now,
            expires_at: self.now + LIFETIME,
            confirmed_at: 0,
        };
        self.transaction.insert_sign_in(&sign_in, &secret.hash()).await?;
        self.transaction.remember_network(network, self.now).await?;
        Ok(SignedInNow { signed_in, name, secret, created_at: sign_in.created_at, expires_at: sign_in.expires_at })
    }
}
