//! Who guesses passwords waits, longer each time, whichever issuer is asked.
//!
//! An attempt counts as failed before the password is looked at and is taken back when it was right: a hundred guesses
//! at once are checked no more often than a hundred in a row.

use std::time::Duration;

use doorkey_core::SignInId;

use crate::actor::RequestContext;
use crate::error::Error;
use crate::password::wait;
use crate::registry::Registry;
use crate::store::{Failures, Reader, Transaction};
use doorkey_verifier::network;

/// How long a count is kept after its last failure, in seconds.
pub(super) const REMEMBERED_FOR: u64 = 24 * 3600;
/// How long a network is known in which somebody has signed in, in seconds.
const KNOWN_FOR: u64 = 30 * 24 * 3600;
/// After how many failures in a row a sign-in ends: whoever has it is not the one who has the password.
pub(super) const MAX_CONFIRMATIONS: u64 = 10;

/// When the waiting starts, and where it stops growing.
struct Rule {
    free: u64,
    /// Seconds.
    longest: u64,
}

/// One address, tried from one network, or a password asked again of one sign-in.
const FROM_ONE_PLACE: Rule = Rule { free: 5, longest: 900 };
/// One address, tried from anywhere: short, and not for networks that its owner is known in, so that nobody can keep the
/// owner out.
const FROM_ANYWHERE: Rule = Rule { free: 50, longest: 60 };

/// Whom failures are counted for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subjects {
    from_one_place: [u8; 32],
    from_anywhere: Option<[u8; 32]>,
}

impl Subjects {
    fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        [Some(&self.from_one_place), self.from_anywhere.as_ref()].into_iter().flatten()
    }

    fn with_rules(&self) -> impl Iterator<Item = (&[u8; 32], Rule)> {
        self.all().zip([FROM_ONE_PLACE, FROM_ANYWHERE])
    }
}

/// A network in which somebody has signed in, as it is remembered: a count of no failures, which is forgotten with the
/// other counts once it is old.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownNetwork([u8; 32]);

impl Registry {
    /// Of an address that is tried from a network in which nobody has signed in with it.
    pub(super) fn subjects(&self, email: &str, request: &RequestContext) -> Subjects {
        const PURPOSE: &str = "sign-in-failure";
        let network = network(request.address).to_string();
        Subjects {
            from_one_place: self.vault.mac(PURPOSE, &[Some(email.as_bytes()), Some(network.as_bytes())]),
            from_anywhere: Some(self.vault.mac(PURPOSE, &[Some(email.as_bytes())])),
        }
    }

    /// Of an address that is tried from any network. Where somebody has signed in with it of late, the failures of all
    /// the others do not count.
    pub(super) async fn subjects_of_sign_in(&self, email: &str, request: &RequestContext) -> Result<Subjects, Error> {
        let KnownNetwork(known) = self.known_network(email, request);
        let remembered = self.store.read().await?.failures(&known).await?;
        let is_known = self.clock.now() < remembered.last_at.saturating_add(REMEMBERED_FOR);
        let subjects = self.subjects(email, request);
        Ok(if is_known { Subjects { from_anywhere: None, ..subjects } } else { subjects })
    }

    /// Of somebody who has signed in: a stranger's failures do not count.
    pub(super) fn subjects_of_confirmation(&self, sign_in: SignInId) -> Subjects {
        let from_one_place = self.vault.mac("confirmation-failure", &[Some(sign_in.as_bytes())]);
        Subjects { from_one_place, from_anywhere: None }
    }

    pub(super) fn known_network(&self, email: &str, request: &RequestContext) -> KnownNetwork {
        let network = network(request.address).to_string();
        KnownNetwork(self.vault.mac("known-network", &[Some(email.as_bytes()), Some(network.as_bytes())]))
    }

    /// Counts an attempt before it is made; says how many there are now from this one place, with this one. Fails with
    /// `rate_limited` while the caller has to wait.
    pub(super) async fn reserve_attempt(&self, subjects: &Subjects) -> Result<u64, Error> {
        let now = self.clock.now();
        // Looked up first: who has to wait must not hold the one lock for writing.
        let mut reader = self.store.read().await?;
        check(&mut reader, subjects, now).await?;
        drop(reader);
        let mut transaction = self.store.begin().await?;
        let counted = check(&mut transaction, subjects, now).await?;
        for (subject, failures) in &counted {
            transaction.put_failures(subject, Failures { count: failures.count + 1, last_at: now }).await?;
        }
        transaction.commit().await?;
        Ok(counted.first().map_or(0, |(_, failures)| failures.count + 1))
    }

    /// Takes back an attempt that came to nothing.
    pub(super) async fn give_attempt_back(&self, subjects: &Subjects) -> Result<(), Error> {
        let mut transaction = self.store.begin().await?;
        for subject in subjects.all() {
            transaction.count_down(subject).await?;
        }
        transaction.commit().await
    }

    /// Does the work that goes into the audit's line for somebody, where there is nobody.
    pub(super) async fn note_nobody(&self, subjects: &Subjects) -> Result<(), Error> {
        self.store.begin().await?.roll_back().await?;
        let mut transaction = self.store.begin().await?;
        transaction.touch_failures(&subjects.from_one_place, self.clock.now()).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// Forgets what was counted from this one place, and this one attempt elsewhere: it was right.
    pub(super) async fn attempt_was_right(&mut self, subjects: &Subjects) -> Result<(), Error> {
        self.delete_failures(&subjects.from_one_place).await?;
        match &subjects.from_anywhere {
            Some(from_anywhere) => self.count_down(from_anywhere).await,
            None => Ok(()),
        }
    }

    /// Forgets everything: whoever has a recovery link is let in.
    pub(super) async fn clear_back_off(&mut self, subjects: &Subjects) -> Result<(), Error> {
        for subject in subjects.all() {
            self.delete_failures(subject).await?;
        }
        Ok(())
    }

    /// Remembers that somebody has signed in here.
    pub(super) async fn remember_network(&mut self, known: KnownNetwork, now: u64) -> Result<(), Error> {
        // Counts are forgotten sooner than networks, so its time lies ahead.
        let last_at = now + KNOWN_FOR - REMEMBERED_FOR;
        self.put_failures(&known.0, Failures { count: 0, last_at }).await
    }

    async fn count_down(&mut self, subject: &[u8; 32]) -> Result<(), Error> {
        let failures = self.failures(subject).await?;
        match failures.count {
            0 => Ok(()),
            1 => self.delete_failures(subject).await,
            count => self.put_failures(subject, Failures { count: count - 1, ..failures }).await,
        }
    }
}

/// What is counted so far; fails with `rate_limited` when it is too much.
async fn check<'a>(
    reader: &mut Reader,
    subjects: &'a Subjects,
    now: u64,
) -> Result<Vec<(&'a [u8; 32], Failures)>, Error> {
    let mut counted = Vec::new();
    let mut longest = 0;
    for (subject, rule) in subjects.with_rules() {
        let failures = remembered(reader.failures(subject).await?, now);
        longest = longest.max(seconds_left(failures, &rule, now));
        counted.push((subject, failures));
    }
    if longest == 0 { Ok(counted) } else { Err(wait(Duration::from_secs(longest))) }
}

fn remembered(failures: Failures, now: u64) -> Failures {
    if now >= failures.last_at.saturating_add(REMEMBERED_FOR) { Failures::default() } else { failures }
}

/// After the last free failure one second, then twice as long each time.
fn seconds_left(failures: Failures, rule: &Rule, now: u64) -> u64 {
    let Some(more) = failures.count.checked_sub(rule.free) else { return 0 };
    let wait = 1u64.checked_shl(u32::try_from(more).unwrap_or(u32::MAX)).unwrap_or(rule.longest).min(rule.longest);
    // A clock that was set back makes nobody wait for longer.
    let since = failures.last_at.min(now);
    (since + wait).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::{FROM_ANYWHERE, FROM_ONE_PLACE, Failures, remembered, seconds_left};

    #[test]
    fn the_wait_doubles_up_to_its_longest() {
        let wait = |count, rule| seconds_left(Failures { count, last_at: 1000 }, rule, 1000);
        for (count, seconds) in [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (14, 512), (15, 900), (68, 900), (999, 900)] {
            assert_eq!(wait(count, &FROM_ONE_PLACE), seconds, "{count}");
        }
        for (count, seconds) in [(49, 0), (50, 1), (55, 32), (56, 60), (u64::MAX, 60)] {
            assert_eq!(wait(count, &FROM_ANYWHERE), seconds, "{count}");
        }
    }

    #[test]
    fn the_wait_ends_with_the_clock_wherever_that_is_set() {
        let left = |now| seconds_left(Failures { count: 10, last_at: 1000 }, &FROM_ONE_PLACE, now);
        assert_eq!((left(1000), left(1031), left(1032), left(9000)), (32, 1, 0, 0));
        assert_eq!(left(10), 32);
        let failures = Failures { count: 10, last_at: 1000 };
        assert_eq!(remembered(failures, 1000 + 86_399), failures);
        assert_eq!(remembered(failures, 1000 + 86_400), Failures::default());
    }
}
