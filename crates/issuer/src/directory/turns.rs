//! How many answers that do not go on are written at once. Processes that start together all ask at once: they wait for
//! their turn, and one verifier's do not keep another's waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use doorkey_core::{ErrorCode, VerifierId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

const MAX: usize = 128;
const MAX_OF_ONE: usize = 32;
/// How long an answer waits: a turn takes milliseconds, unless readers are slow.
const PATIENCE: Duration = Duration::from_secs(10);
/// When there may be room again.
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    /// Of those who have a turn, or wait for one.
    of_one: Mutex<HashMap<VerifierId, Weak<Semaphore>>>,
}

/// One turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _of_one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX)), of_one: Mutex::default() }
    }
}

impl Turns {
    /// Waits for one.
    ///
    /// Fails with `issuer_unavailable` when none comes in time.
    pub(super) async fn wait(&self, verifier: VerifierId) -> Result<Turn, Error> {
        // First its own: those of one verifier who wait take no turn of the others.
        let of_one = self.of(verifier);
        let turn = async {
            let of_one = of_one.acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Turn { _of_one: of_one, _of_all: of_all })
        };
        timeout(PATIENCE, turn).await.ok().flatten().ok_or_else(|| {
            let error = Error::new(ErrorCode::IssuerUnavailable, "too many verifiers read the directory");
            error.with_retry_after(COME_BACK_AFTER)
        })
    }

    fn of(&self, verifier: VerifierId) -> Arc<Semaphore> {
        let mut of_one = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = of_one.get(&verifier).and_then(Weak::upgrade) {
            return known;
        }
        of_one.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(MAX_OF_ONE));
        of_one.insert(verifier, Arc::downgrade(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{ErrorCode, VerifierId};
    use futures_util::FutureExt;
    use tokio::task::unconstrained;

    use super::{MAX, MAX_OF_ONE, Turns};

    fn id(number: usize) -> VerifierId {
        VerifierId::from_parts(number as u64, [0; 10])
    }

    #[tokio::test(start_paused = true)]
    async fn one_verifier_s_wait_for_each_other_and_for_nobody_for_ever() {
        let turns = Turns::default();
        let mut taken: Vec<_> = (0..MAX_OF_ONE).map(|_| turns.wait(id(0)).now_or_never().unwrap().unwrap()).collect();
        let mut next = Box::pin(turns.wait(id(0)));
        assert!(next.as_mut().now_or_never().is_none());
        taken.push(turns.wait(id(1)).now_or_never().unwrap().unwrap());
        drop(taken.swap_remove(0));
        taken.push(next.await.unwrap());
        assert_eq!(turns.wait(id(0)).await.unwrap_err().code(), ErrorCode::IssuerUnavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_have_so_many_and_who_has_none_is_forgotten() {
        let turns = Turns::default();
        let of = |number: usize| unconstrained(turns.wait(id(number / MAX_OF_ONE))).now_or_never();
        let taken: Vec<_> = (0..MAX).map(|number| of(number).unwrap().unwrap()).collect();
        assert!(of(MAX).is_none());
        drop(taken);
        drop(of(MAX).unwrap().unwrap());
        assert!(of(0).is_some());
        assert_eq!(turns.of_one.lock().unwrap().len(), 1);
    }
}
