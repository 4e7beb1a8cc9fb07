//! People: how the first one comes in, how they sign in and out, and how they invite each other.

// In the order of use.
mod email;
mod secret;
mod seen;
mod back_off;
mod sign_in;
mod account;
mod enter;
mod own;
mod set_up;
mod recovery;
mod invitations;

pub use email::Email;
pub(crate) use invitations::{Account, NewInvitation};
pub use secret::Link;
pub(crate) use secret::Secret;
pub(crate) use sign_in::{SignedInNow, Visit};

use doorkey_core::{ErrorCode, MemberId};

use self::seen::Seen;
use super::{Registry, not_found};
use crate::error::Error;
use crate::password::Passwords;
use crate::store::{Person, Transaction};

/// How many rows of a kind are forgotten at once: other writers wait meanwhile.
const FORGOTTEN_AT_ONCE: u32 = 1000;

/// What the sign-ins of this process share.
#[derive(Debug, Default)]
pub(super) struct People {
    passwords: Passwords,
    seen: Seen,
}

impl Registry {
    /// A person. Fails with `not_found`.
    pub(crate) async fn person(&self, id: MemberId) -> Result<Person, Error> {
        self.store.read().await?.person(id).await?.ok_or_else(not_found)
    }
}

/// Deletes what has expired: sign-ins, links, invitations and counted failures, a batch of each. Says whether more of it
/// may be left, for another transaction: strangers can make rows faster than a batch now and then takes them away.
pub(crate) async fn forget_old(transaction: &mut Transaction, now: u64) -> Result<bool, Error> {
    let failed_before = now.saturating_sub(back_off::REMEMBERED_FOR);
    let forgotten = [
        transaction.forget_sign_ins(now, FORGOTTEN_AT_ONCE).await?,
        transaction.forget_links(now, FORGOTTEN_AT_ONCE).await?,
        transaction.forget_invitations(now, FORGOTTEN_AT_ONCE).await?,
        transaction.forget_failures(failed_before, FORGOTTEN_AT_ONCE).await?,
    ];
    Ok(forgotten.into_iter().any(|count| count >= u64::from(FORGOTTEN_AT_ONCE)))
}

/// One answer for every way not to get in, so that it tells nothing.
fn sign_in_refused() -> Error {
    Error::new(ErrorCode::SignInRefused, "the address or the password is wrong")
}

/// One answer for every link that is not good any more, or never was.
fn link_refused() -> Error {
    Error::new(ErrorCode::SignInRefused, "the link is wrong, was used, or has expired")
}

#[cfg(test)]
mod tests;
