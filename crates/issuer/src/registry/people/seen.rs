//! When a sign-in was last used: written beside the requests, for many at once, so that no request waits for the writers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use doorkey_core::SignInId;

use crate::error::Error;
use crate::registry::Registry;
use crate::store::SignIn;

/// How often the time is written, in seconds.
const EVERY: u64 = 60;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    at: HashMap<SignInId, u64>,
    /// Whether a task is writing, and looks here again when it is done.
    is_writing: bool,
}

impl Seen {
    /// Adds one; says whether somebody has to start writing.
    fn add(&self, id: SignInId, at: u64) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.at.insert(id, at);
        !std::mem::replace(&mut waiting.is_writing, true)
    }

    /// What has come together; `None` when there is nothing and the writing ends.
    fn take(&self) -> Option<HashMap<SignInId, u64>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = !waiting.at.is_empty();
        waiting.is_writing.then(|| std::mem::take(&mut waiting.at))
    }
}

impl Registry {
    /// Notes that a sign-in was used, once a minute.
    pub(super) fn note_seen(&self, sign_in: &SignIn, now: u64) {
        if now < sign_in.last_seen_at + EVERY || !self.people.seen.add(sign_in.id, now) {
            return;
        }
        let registry = self.clone();
        tokio::spawn(async move {
            while let Some(seen) = registry.people.seen.take() {
                // The next use writes it again, long before the sign-in is idle.
                if let Err(error) = registry.write_seen(seen).await {
                    tracing::warn!(%error, "the last use of sign-ins is not noted");
                }
            }
        });
    }

    async fn write_seen(&self, seen: HashMap<SignInId, u64>) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        for (id, at) in seen {
            transaction.note_sign_in_seen(id, at).await?;
        }
        transaction.commit().await
    }
}
