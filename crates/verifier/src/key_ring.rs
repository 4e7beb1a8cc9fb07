//! The issuer's public keys as they were last published, and when it is time to ask again.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, JwkSet, Thumbprint};

/// Where the JWKS is, below the issuer's URL.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";
/// A key set of an issuer has a few hundred bytes; more than this is none.
pub const MAX_JWKS_LEN: usize = 64 * 1024;

/// No second fetch for an unknown key sooner than this after a good one: tokens are for anyone to make up.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// No second fetch sooner than this after a failed one.
const COOL_DOWN_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// After this age the keys are fetched anew in the background, so that a withdrawn key is forgotten.
const MAX_AGE: Duration = Duration::from_mins(5);

/// The keys that an issuer publishes, as far as they are known. It fetches nothing: whoever holds it is told when to.
///
/// ```
/// use std::time::Duration;
/// use doorkey_verifier::KeyRing;
///
/// let mut ring = KeyRing::default();
/// assert!(!ring.is_due(Duration::from_secs(1)), "nothing is fetched before the first token");
/// ring.note(Some(br#"{"keys":[]}"#), Duration::from_secs(1));
/// assert!(!ring.is_due(Duration::from_secs(300)));
/// assert!(ring.is_due(Duration::from_secs(301)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Arc<JwkSet>,
    last_attempt: Option<Attempt>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    at: Duration,
    succeeded: bool,
}

impl Attempt {
    /// Whether it is too soon for the next one; a clock that was set back does not count as waiting.
    fn is_recent(&self, now: Duration, succeeded: Duration, failed: Duration) -> bool {
        now.abs_diff(self.at) < if self.succeeded { succeeded } else { failed }
    }
}

impl KeyRing {
    /// The keys that are known now; none before the first success.
    pub fn keys(&self) -> &Arc<JwkSet> {
        &self.keys
    }

    /// Whether the keys have grown old, so that they should be fetched anew in the background. Times are since the epoch.
    pub fn is_due(&self, now: Duration) -> bool {
        self.last_attempt.is_some_and(|attempt| !attempt.is_recent(now, MAX_AGE, COOL_DOWN))
    }

    /// Whether the issuer should be asked for the key `kid` before [`look_for`](Self::look_for) says how it is.
    pub fn should_ask(&self, kid: &Thumbprint, now: Duration) -> bool {
        let is_recent = |attempt: Attempt| attempt.is_recent(now, COOL_DOWN, COOL_DOWN_AFTER_FAILURE);
        self.keys.find(kid).is_none() && !self.last_attempt.is_some_and(is_recent)
    }

    /// The keys, if `kid` is among them.
    ///
    /// Fails with [`ErrorCode::KeysUnavailable`] if the issuer did not answer when it was asked last, and with
    /// [`ErrorCode::TokenInvalid`] if it does not publish the key.
    pub fn look_for(&self, kid: &Thumbprint) -> Result<Arc<JwkSet>, Error> {
        match self.last_attempt {
            _ if self.keys.find(kid).is_some() => Ok(Arc::clone(&self.keys)),
            Some(Attempt { succeeded: true, .. }) => Err(not_published()),
            _ => Err(unavailable("the issuer's keys could not be fetched")),
        }
    }

    /// Takes note of an attempt to fetch that ended at `now`: the document, or `None` if none came. What is no key set
    /// counts as none, and the old keys stay.
    pub fn note(&mut self, document: Option<&[u8]>, now: Duration) {
        let keys = document.filter(|document| document.len() <= MAX_JWKS_LEN).map(JwkSet::parse).and_then(Result::ok);
        self.last_attempt = Some(Attempt { at: now, succeeded: keys.is_some() });
        if let Some(keys) = keys {
            self.keys = Arc::new(keys);
        }
    }
}

pub(crate) fn unavailable(detail: &'static str) -> Error {
    Error::new(ErrorCode::KeysUnavailable, detail)
}

pub(crate) fn not_published() -> Error {
    Error::new(ErrorCode::TokenInvalid, "the token was signed with a key that the issuer does not publish")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::{ErrorCode, JwkSet, SigningKey, Thumbprint};

    use super::{KeyRing, MAX_JWKS_LEN};

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn strangers_tokens_make_nobody_ask_all_the_time() {
        let key = SigningKey::from_seed(&[1; 32]).verifying_key();
        let (kid, stranger) = (Thumbprint::of(&key), Thumbprint::of(&SigningKey::from_seed(&[2; 32]).verifying_key()));
        let document = JwkSet::new([key]).to_json();
        let code = |ring: &KeyRing, kid| ring.look_for(kid).err().map(|error| error.code());

        let mut ring = KeyRing::default();
        assert!(ring.should_ask(&kid, at(0)));
        ring.note(None, at(100));
        assert_eq!(code(&ring, &kid), Some(ErrorCode::KeysUnavailable));
        assert!(!ring.should_ask(&kid, at(101)) && ring.should_ask(&kid, at(102)));

        ring.note(Some(document.as_bytes()), at(102));
        assert_eq!((code(&ring, &kid), code(&ring, &stranger)), (None, Some(ErrorCode::TokenInvalid)));
        assert!(!ring.should_ask(&kid, at(1000)), "a key that is known");
        assert!(!ring.should_ask(&stranger, at(111)) && ring.should_ask(&stranger, at(112)));
        assert!(!ring.is_due(at(401)) && ring.is_due(at(402)));

        // The issuer is gone, or talks nonsense: what is known stays.
        for nonsense in [None, Some(&b"{}"[..]), Some(&vec![b' '; MAX_JWKS_LEN + 1])] {
            ring.note(nonsense, at(402));
            assert_eq!((code(&ring, &kid), code(&ring, &stranger)), (None, Some(ErrorCode::KeysUnavailable)));
            assert!(!ring.is_due(at(411)) && ring.is_due(at(412)));
        }
        // A clock that was set back does not count as waiting.
        assert!(ring.is_due(at(10)) && ring.should_ask(&stranger, at(10)));
    }
}
