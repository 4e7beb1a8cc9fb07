//! Follows the directory: one stream after the other, for ever.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::Error;
use http::StatusCode;
use reqwest::Response;
use tokio::sync::watch;

use super::closed;
use super::disk_copy::DiskCopy;
use super::requests::{Requests, away};
use super::trouble::Trouble;
use crate::ambient::{Clock, Entropy, Moment};
use crate::directory::{Applied, Directory, DirectoryAnswer, DirectorySynced, Misread, Position, cut};
use crate::issuer_signer::IssuerSigner;
use crate::waits::Waits;

/// A stream that lasted no longer than this is not begun anew at once.
const BRIEF: Duration = Duration::from_secs(1);

/// What follows the directory.
#[derive(Debug)]
pub(super) struct Follower {
    requests: Arc<Requests>,
    directory: Arc<Directory>,
    copy: Option<DiskCopy>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Whether the directory was complete and fresh at some time.
    synced: watch::Sender<bool>,
    trouble: Trouble,
    /// What came did not fit: the next stream is to tell everything.
    from_scratch: bool,
}

/// How a stream ended.
#[derive(Debug)]
enum End {
    /// As streams do.
    Regular,
    /// For a reason that may pass.
    Cut(Error),
    /// The issuer does not take this verifier's requests.
    Refused(Error),
    /// What came does not fit what is here.
    Misfit(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Cut(error)
    }
}

impl From<Misread> for End {
    fn from(misread: Misread) -> Self {
        match misread {
            Misread::Unreadable(error) => Self::Cut(error),
            Misread::Misfit(error) => Self::Misfit(error),
        }
    }
}

impl Follower {
    pub(super) fn new(
        requests: Arc<Requests>,
        directory: Arc<Directory>,
        copy: Option<DiskCopy>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        synced: watch::Sender<bool>,
    ) -> Self {
        let trouble = Trouble::new("the directory cannot be followed");
        Self { requests, directory, copy, clock, entropy, synced, trouble, from_scratch: false }
    }

    /// Goes on until `closing` says so, or its other end is gone.
    pub(super) async fn run(mut self, mut closing: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            () = closed(&mut closing) => {}
            () = self.follow() => {}
        }
        if let Some(copy) = self.copy {
            copy.close().await;
        }
    }

    async fn follow(&mut self) {
        let mut waits = Waits::default();
        loop {
            let asked_at = self.clock.moment();
            let mut was_complete = false;
            let end = self.stream(asked_at, &mut was_complete).await;
            if was_complete {
                waits.succeeded(self.clock.monotonic().saturating_sub(asked_at.monotonic) <= BRIEF);
            }
            let mut wait = waits.next(&*self.entropy);
            match end {
                End::Regular => tracing::debug!("a stream of the directory has ended"),
                End::Cut(error) => self.trouble.is(error, false),
                End::Misfit(error) => {
                    self.from_scratch = true;
                    self.trouble.is(error, false);
                }
                End::Refused(error) => {
                    wait = Waits::LONGEST;
                    self.trouble.is(error, true);
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Follows one stream to its end.
    async fn stream(&mut self, asked_at: Moment, was_complete: &mut bool) -> End {
        match self.lines(asked_at, was_complete).await {
            Ok(()) => End::Regular,
            Err(end) => end,
        }
    }

    async fn lines(&mut self, asked_at: Moment, was_complete: &mut bool) -> Result<(), End> {
        let mut answer = DirectoryAnswer::new(self.resume_from(), asked_at);
        let mut response = self.requests.get(&answer.target(true)).await?;
        let status = response.status().as_u16();
        if status != StatusCode::OK {
            let error = self.requests.refusal(response).await;
            let is_lasting = IssuerSigner::is_lasting(status, &error);
            return Err(if is_lasting { End::Refused(error) } else { End::Cut(error) });
        }
        while let Some(piece) = self.piece(&mut response).await? {
            answer.push(&piece);
            let mut now = self.clock.moment();
            while let Some(applied) = answer.apply_next(&self.directory, &now)? {
                if self.note(applied, asked_at, now) {
                    *was_complete = true;
                    if answer.is_outlived(&now) {
                        return Err(End::Cut(away("this machine slept, or its clock was set")));
                    }
                }
                now = self.clock.moment();
            }
        }
        Ok(answer.end()?)
    }

    /// Waits for what comes next; `None` at the end.
    async fn piece(&self, response: &mut Response) -> Result<Option<Bytes>, Error> {
        match tokio::time::timeout(self.requests.patience(), response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(_)) => Err(cut()),
            Err(_) => Err(away("the issuer is silent")),
        }
    }

    fn resume_from(&mut self) -> Position {
        let position = self.directory.position();
        let since = match &mut self.copy {
            Some(copy) => copy.resume_from(position),
            None => position,
        };
        if self.from_scratch { Position::default() } else { since }
    }

    /// Takes note of what came, and was taken over at `now`; yields whether nothing was missing then.
    fn note(&mut self, applied: Applied, asked_at: Moment, now: Moment) -> bool {
        let synced = match applied {
            Applied::Begun(begin) => {
                if let Some(copy) = &mut self.copy {
                    copy.begin(&begin);
                }
                None
            }
            Applied::Lines { text, synced } => {
                if let Some(copy) = &mut self.copy {
                    copy.lines(text);
                }
                synced
            }
        };
        let Some(DirectorySynced { revision, after_ms }) = synced else {
            return false;
        };
        let after = Duration::from_millis(after_ms);
        if let Some(copy) = &mut self.copy {
            copy.complete(revision, wall_time(&asked_at.plus(after), &now), after);
        }
        self.from_scratch = false;
        self.trouble.is_over();
        self.synced.send_if_modified(|synced| !std::mem::replace(synced, true));
        true
    }
}

/// What the clock on the wall, as it goes now, says of a moment; the earlier time if it was set since.
fn wall_time(at: &Moment, now: &Moment) -> Duration {
    at.wall.min(now.wall.saturating_sub(now.monotonic.saturating_sub(at.monotonic)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::wall_time;
    use crate::ambient::Moment;

    fn at(wall: u64, monotonic: u64) -> Moment {
        Moment { wall: Duration::from_secs(wall), monotonic: Duration::from_secs(monotonic) }
    }

    #[test]
    fn a_clock_that_is_set_makes_nothing_look_later() {
        let secs = Duration::from_secs;
        assert_eq!(wall_time(&at(1000, 10), &at(1005, 15)), secs(1000));
        assert_eq!(wall_time(&at(1000, 10), &at(500, 15)), secs(495), "set back: five seconds ago by that clock");
        assert_eq!(wall_time(&at(1000, 10), &at(9000, 15)), secs(1000), "set forward");
    }
}
