//! Passwords: what people type, and how it is hashed (Argon2id) without letting anybody wear the machine out.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use doorkey_core::ErrorCode;
use serde::{Deserialize, Deserializer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::error::Error;
use doorkey_verifier::network;

/// Bytes that a hash is salted with.
pub(crate) const SALT_LEN: usize = 16;
/// What one hash costs: KiB, passes, lanes. OWASP's first choice for Argon2id with little memory.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// How many may wait for their turn, besides those whose turn it is.
const MAX_WAITING: usize = 64;
/// How many of them may be strangers from one network: with few machines nobody can fill the queue.
const MAX_WAITING_OF_NETWORK: usize = 4;

/// What somebody types to prove who they are. `Debug` shows nothing.
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// Most characters.
    pub(crate) const MAX_LEN: usize = 256;

    /// Any text up to the longest that a password can be; fails with `invalid_input`.
    pub(crate) fn parse(text: impl Into<Zeroizing<String>>) -> Result<Self, Error> {
        let text = text.into();
        if text.chars().count() > Self::MAX_LEN {
            return Err(Error::invalid("password", "at most 256 characters"));
        }
        Ok(Self(text))
    }
}

/// A password that is fit to be somebody's. `Debug` shows nothing.
pub(crate) struct NewPassword(Password);

impl NewPassword {
    /// 12 to 256 characters, not one alone over and over; fails with `invalid_input`.
    pub(crate) fn parse(text: impl Into<Zeroizing<String>>) -> Result<Self, Error> {
        let text = text.into();
        let length = text.chars().count();
        if !(12..=Password::MAX_LEN).contains(&length) {
            return Err(Error::invalid("password", "12 to 256 characters"));
        }
        if text.chars().collect::<HashSet<_>>().len() == 1 {
            return Err(Error::invalid("password", "more than one character over and over"));
        }
        Ok(Self(Password(text)))
    }

    /// Refuses with `invalid_input` the password that everybody would try first.
    pub(crate) fn check_not(&self, email: &str) -> Result<(), Error> {
        if self.0.0.trim().eq_ignore_ascii_case(email) {
            return Err(Error::invalid("password", "not the e-mail address"));
        }
        Ok(())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(|error| error.of_member())
    }
}

impl<'de> Deserialize<'de> for NewPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(|error| error.of_member())
    }
}

/// Whose password it is that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker {
    /// Somebody who has yet to sign in, from this address.
    Stranger(IpAddr),
    /// Somebody who has signed in, or has a link.
    Known,
}

/// Hashes passwords, a few at a time: each hash takes 19 MiB and a processor. However many strangers there are, who is
/// known has turns of their own.
#[derive(Debug)]
pub(crate) struct Passwords {
    strangers: Queue,
    known: Queue,
    crowds: Arc<Crowds>,
}

#[derive(Debug)]
struct Queue {
    turns: Arc<Semaphore>,
    /// Of those who wait for their turn.
    places: Arc<Semaphore>,
}

/// How many strangers wait, by network.
#[derive(Debug, Default)]
struct Crowds(Mutex<HashMap<IpAddr, usize>>);

/// One stranger who waits.
struct InCrowd {
    crowds: Arc<Crowds>,
    network: IpAddr,
}

impl InCrowd {
    /// `None` when too many of the network wait.
    fn join(crowds: &Arc<Crowds>, address: IpAddr) -> Option<Self> {
        let network = network(address);
        let mut waiting = crowds.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(network).or_default();
        if *count >= MAX_WAITING_OF_NETWORK {
            return None;
        }
        *count += 1;
        Some(Self { crowds: Arc::clone(crowds), network })
    }
}

impl Drop for InCrowd {
    fn drop(&mut self) {
        let mut waiting = self.crowds.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.network);
            }
        }
    }
}

impl Queue {
    fn new(at_once: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), places: Arc::new(Semaphore::new(MAX_WAITING)) }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(available_parallelism().map_or(2, usize::from).min(8))
    }
}

impl Passwords {
    fn new(at_once: usize) -> Self {
        let known = at_once.div_ceil(2);
        Self { strangers: Queue::new(at_once), known: Queue::new(known), crowds: Arc::default() }
    }

    /// The hash in PHC form, for somebody who is known. Fails with `rate_limited` when too many wait.
    pub(crate) async fn hash(&self, password: NewPassword, salt: [u8; SALT_LEN]) -> Result<Zeroizing<String>, Error> {
        self.run(Asker::Known, move || {
            let hash = argon2()?.hash_password_with_salt(password.0.0.as_bytes(), &salt).map_err(broken)?;
            Ok(Zeroizing::new(hash.to_string()))
        })
        .await
    }

    /// Whether it is the password that was hashed. `None` takes as long and is never right. Fails with `rate_limited`
    /// when too many wait, or of a stranger's network.
    pub(crate) async fn verify(
        &self,
        asker: Asker,
        password: Password,
        hash: Option<Zeroizing<String>>,
    ) -> Result<bool, Error> {
        self.run(asker, move || {
            let Some(hash) = hash else {
                let mut nobody_s = [0; Params::DEFAULT_OUTPUT_LEN];
                argon2()?.hash_password_into(password.0.as_bytes(), &[0; SALT_LEN], &mut nobody_s).map_err(broken)?;
                black_box(nobody_s);
                return Ok(false);
            };
            match argon2()?.verify_password(password.0.as_bytes(), hash.as_str()) {
                Ok(()) => Ok(true),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(error) => Err(broken(error)),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.turn(asker).await?;
        // The work goes on when the caller goes away, so it keeps its turn.
        let work = move || {
            let _turn = turn;
            work()
        };
        spawn_blocking(work).await.map_err(broken)?
    }

    /// Waits for a turn, unless there is no place to wait in.
    async fn turn(&self, asker: Asker) -> Result<OwnedSemaphorePermit, Error> {
        let full = || wait(Duration::from_secs(1));
        let queue = match asker {
            Asker::Stranger(_) => &self.strangers,
            Asker::Known => &self.known,
        };
        // Nobody is passed by with this: whoever waits has been given the next turn already.
        if let Ok(turn) = Arc::clone(&queue.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _in_crowd = match asker {
            Asker::Stranger(address) => Some(InCrowd::join(&self.crowds, address).ok_or_else(full)?),
            Asker::Known => None,
        };
        let _place = queue.places.try_acquire().map_err(|_| full())?;
        Arc::clone(&queue.turns).acquire_owned().await.map_err(broken)
    }
}

#[cfg(test)]
impl Passwords {
    /// Fills the strangers' queue until it is dropped.
    pub(crate) fn take_every_place(&self) -> [OwnedSemaphorePermit; 2] {
        [&self.strangers.turns, &self.strangers.places].map(|free| {
            let count = u32::try_from(free.available_permits()).unwrap();
            Arc::clone(free).try_acquire_many_owned(count).unwrap()
        })
    }
}

/// `rate_limited`, for this long.
pub(crate) fn wait(wait: Duration) -> Error {
    let seconds = wait.as_secs().max(1);
    Error::new(ErrorCode::RateLimited, format!("too many attempts: try again in {seconds} s")).with_retry_after(wait)
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Says what failed and nothing of what it was given.
fn broken(error: impl fmt::Display) -> Error {
    Error::store(format!("a password cannot be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use doorkey_core::ErrorCode;
    use futures_util::future::join_all;

    use super::{Asker, MAX_WAITING, MAX_WAITING_OF_NETWORK, NewPassword, Password, Passwords};

    fn stranger(number: u32) -> Asker {
        Asker::Stranger(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    #[test]
    fn a_password_is_long_and_not_one_character() {
        for text in ["correct horse", "ääääääääääab", &"ab".repeat(128)] {
            assert!(NewPassword::parse(text.to_owned()).is_ok(), "{text}");
        }
        for text in ["", "elevenchars", "aaaaaaaaaaaaaaaa", &"ab".repeat(129)] {
            assert_eq!(NewPassword::parse(text.to_owned()).unwrap_err().code(), ErrorCode::InvalidInput, "{text}");
        }
        assert!(Password::parse("a".repeat(257)).is_err());
        let password = NewPassword::parse("Ada@Shop.Example".to_owned()).unwrap();
        assert!(password.check_not("ada@shop.example").is_err() && password.check_not("eve@shop.example").is_ok());
        assert_eq!(format!("{password:?}"), "NewPassword");
        assert_eq!(format!("{:?}", Password::parse("secret".to_owned()).unwrap()), "Password");
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_and_fits_its_password_alone() {
        let passwords = Passwords::new(2);
        let hash = passwords.hash(NewPassword::parse("correct horse".to_owned()).unwrap(), [7; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", &*hash);
        for (text, fits) in [("correct horse", true), ("correct horsE", false), ("", false)] {
            let password = || Password::parse(text.to_owned()).unwrap();
            assert_eq!(passwords.verify(stranger(1), password(), Some(hash.clone())).await.unwrap(), fits, "{text}");
            assert!(!passwords.verify(Asker::Known, password(), None).await.unwrap());
        }
        let other = passwords.hash(NewPassword::parse("correct horse".to_owned()).unwrap(), [8; 16]).await.unwrap();
        assert_ne!(*other, *hash);
    }

    /// How many of so many at once are sent away.
    async fn refused(passwords: &Passwords, askers: impl Iterator<Item = Asker>) -> usize {
        let all = askers.map(|asker| passwords.verify(asker, Password::parse(String::new()).unwrap(), None));
        let refused: Vec<_> = join_all(all).await.into_iter().filter_map(Result::err).collect();
        assert!(refused.iter().all(|error| error.code() == ErrorCode::RateLimited));
        refused.len()
    }

    #[tokio::test]
    async fn who_finds_a_long_queue_is_sent_away() {
        let passwords = Passwords::new(2);
        assert_eq!(refused(&passwords, (0..128).map(stranger)).await, 128 - MAX_WAITING - 2);
        assert_eq!(refused(&passwords, (0..MAX_WAITING + 3).map(|_| Asker::Known)).await, 2);
    }

    #[tokio::test]
    async fn one_network_has_few_places() {
        let passwords = Passwords::new(2);
        assert_eq!(refused(&passwords, (0..20).map(|_| stranger(1))).await, 20 - 2 - MAX_WAITING_OF_NETWORK);
        let mixed = (0..20).map(|_| stranger(1)).chain([stranger(2), stranger(3)]);
        assert_eq!(refused(&passwords, mixed).await, 20 - 2 - MAX_WAITING_OF_NETWORK, "others have theirs");
        assert!(passwords.crowds.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_is_known_waits_for_no_stranger() {
        let passwords = Passwords::new(2);
        let full = passwords.take_every_place();
        assert_eq!(refused(&passwords, [stranger(1), stranger(2)].into_iter()).await, 2);
        assert_eq!(refused(&passwords, [Asker::Known; 9].into_iter()).await, 0);
        assert!(passwords.hash(NewPassword::parse("correct horse".to_owned()).unwrap(), [7; 16]).await.is_ok());
        drop(full);
        assert_eq!(refused(&passwords, [stranger(1)].into_iter()).await, 0);
    }
}
