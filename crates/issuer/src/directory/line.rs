//! That the database goes on from where it was, as far as this process has read. One that goes back, to a copy or to a
//! replica that lagged behind, would give new changes the revisions of others: who has read those would miss them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::ErrorCode;
use tokio::time::timeout;

use crate::error::Error;
use crate::registry::Registry;
use crate::store::Head;

/// How long the database may take: what takes longer is as good as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far this process has read.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    /// What every later read must go on from.
    head: Option<Head>,
    /// Histories that have lost something: that their names come back is a step back, too.
    left: Vec<String>,
}

impl Line {
    /// What the next read must go on from; `None` before the first one.
    pub(super) fn known(&self) -> Option<Head> {
        self.place().head.clone()
    }

    /// It was read as far as this, and it goes on. Of reads at once the one that saw more counts.
    pub(super) fn is_at(&self, head: Head) {
        let mut place = self.place();
        let is_later = |known: &Head| known.history == head.history && known.revision < head.revision;
        if place.head.as_ref().is_none_or(is_later) {
            place.head = Some(head);
        }
    }

    /// It does not go on from what was `known`. Unless the history that was found is one that another issuer has begun
    /// for this reason, it gets a new name: then verifiers begin anew, whichever issuer they ask.
    pub(super) async fn leave(
        &self,
        known: Option<Head>,
        found: Option<&str>,
        registry: &Registry,
    ) -> Result<(), Error> {
        tracing::warn!("the database has gone back: verifiers begin anew");
        let lost = known.as_ref().and_then(|known| known.history.clone());
        let is_left = found
            .is_none_or(|found| lost.as_deref() == Some(found) || self.place().left.iter().any(|left| left == found));
        if is_left {
            within(registry.begin_another_history(found)).await?;
        }
        // Only now: had this failed, the next read would have to find out.
        let mut place = self.place();
        if place.head == known {
            place.head = None;
            place.left.extend(lost);
        }
        Ok(())
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the database, but not for ever.
pub(super) async fn within<T>(read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, read)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorCode::StoreUnavailable, "the store does not answer in time")))
}
