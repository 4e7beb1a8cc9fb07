//! How many streams that go on there may be: of all verifiers, and of one, so that one cannot keep the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorkey_core::{ErrorCode, VerifierId};

use crate::error::Error;

const MAX: usize = 1000;
/// What a verifier's process needs is one, and a second while the first is on its way out.
const MAX_OF_ONE: usize = 8;
/// When there may be room again.
const COME_BACK_AFTER: Duration = Duration::from_secs(5);

/// Places that are taken, by whom.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<VerifierId, usize>>);

/// One place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    verifier: VerifierId,
}

impl Places {
    /// Takes one.
    ///
    /// Fails with `rate_limited` when the verifier has its share, and with `issuer_unavailable` when none is left.
    pub(super) fn take(self: &Arc<Self>, verifier: VerifierId) -> Result<Place, Error> {
        let mut taken = self.taken();
        let full = if taken.get(&verifier).is_some_and(|count| *count >= MAX_OF_ONE) {
            Some((ErrorCode::RateLimited, "a verifier follows with 8 streams at most"))
        } else if taken.values().sum::<usize>() >= MAX {
            Some((ErrorCode::IssuerUnavailable, "too many verifiers follow the directory"))
        } else {
            None
        };
        if let Some((code, detail)) = full {
            return Err(Error::new(code, detail).with_retry_after(COME_BACK_AFTER));
        }
        *taken.entry(verifier).or_default() += 1;
        Ok(Place { places: Arc::clone(self), verifier })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<VerifierId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.verifier) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.verifier);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use doorkey_core::{ErrorCode, VerifierId};

    use super::{MAX, MAX_OF_ONE, Places};

    #[test]
    fn one_verifier_has_its_share_and_all_have_theirs() {
        let (places, id) = (Arc::new(Places::default()), |n| VerifierId::from_parts(n, [0; 10]));
        let full = |n| places.take(id(n)).unwrap_err().code();
        let mut taken: Vec<_> = (0..MAX_OF_ONE).map(|_| places.take(id(0)).unwrap()).collect();
        assert_eq!(full(0), ErrorCode::RateLimited);
        for n in (1..).take(MAX - MAX_OF_ONE) {
            taken.push(places.take(id(n)).unwrap());
        }
        assert_eq!((full(5000), full(0)), (ErrorCode::IssuerUnavailable, ErrorCode::RateLimited));
        // The first verifier's.
        drop(taken.remove(0));
        taken.push(places.take(id(0)).unwrap());
        assert_eq!(full(0), ErrorCode::RateLimited);
        drop(taken);
        assert!(places.taken().is_empty());
    }
}
