//! Follows the directory: one stream after the other, for ever.

use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode};
use http::StatusCode;
use tokio::sync::watch;

use super::closed;
use super::disk_copy::DiskCopy;
use super::lines::{Batch, Lines};
use super::requests::{Requests, away};
use super::trouble::{Trouble, Waits};
use crate::ambient::{Clock, Entropy, Moment};
use crate::directory::{Directory, DirectoryBegin, DirectoryLine, DirectorySynced, Position};

/// A stream that lasted no longer than this is not begun anew at once.
const BRIEF: Duration = Duration::from_secs(1);
/// By how much the two clocks may part during a stream.
const MAX_PARTING: Duration = Duration::from_secs(2);

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
        let since = self.resume_from();
        let Position { history, revision } = &since;
        let target = format!("/v1/directory?since={revision}&history={history}&follow=true");
        let response = self.requests.get(&target).await?;
        match response.status() {
            StatusCode::OK => {}
            status => {
                let error = self.requests.refusal(response).await;
                let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
                // The time can be put right.
                let is_lasting = is_refused && error.code() != ErrorCode::WindowInvalid;
                return Err(if is_lasting { End::Refused(error) } else { End::Cut(error) });
            }
        }
        let mut lines = Lines::new(response, self.requests.patience());
        let first = lines.next().await?.and_then(|batch| batch.lines.into_iter().next());
        let Some(DirectoryLine::Begin(begin)) = first else {
            return Err(misfit("the directory does not say where it begins"));
        };
        self.begin(begin, &since, asked_at)?;
        while let Some(batch) = lines.next().await? {
            if self.take(batch, asked_at)? {
                *was_complete = true;
            }
        }
        Ok(())
    }

    fn resume_from(&mut self) -> Position {
        let position = self.directory.position();
        let since = match &mut self.copy {
            Some(copy) => copy.resume_from(position),
            None => position,
        };
        if self.from_scratch { Position::default() } else { since }
    }

    fn begin(&mut self, begin: DirectoryBegin, since: &Position, asked_at: Moment) -> Result<(), End> {
        if !is_history(&begin.history) {
            return Err(misfit("the directory's history has no name that can be asked for"));
        }
        if begin.since != 0 && (begin.since != since.revision || begin.history != since.history) {
            return Err(misfit("the directory goes on from elsewhere"));
        }
        if let Some(copy) = &mut self.copy {
            copy.begin(&begin);
        }
        self.directory.apply([DirectoryLine::Begin(begin)], asked_at).map_err(End::Misfit)
    }

    /// Takes over what came; yields whether nothing was missing then.
    fn take(&mut self, batch: Batch, asked_at: Moment) -> Result<bool, End> {
        let Batch { mut lines, text } = batch;
        let now = self.clock.moment();
        let synced = match lines.last_mut() {
            Some(DirectoryLine::Begin(_)) => return Err(misfit("the directory begins a second time")),
            Some(DirectoryLine::Synced(synced)) => {
                // It cannot have been true later than now, whatever the issuer's clock says.
                let elapsed = u64::try_from(now.since(&asked_at).as_millis()).unwrap_or(u64::MAX);
                synced.after_ms = synced.after_ms.min(elapsed);
                Some(*synced)
            }
            _ => None,
        };
        self.directory.apply(lines, asked_at).map_err(End::Misfit)?;
        if let Some(copy) = &mut self.copy {
            copy.lines(text);
        }
        let Some(DirectorySynced { revision, after_ms }) = synced else {
            return Ok(false);
        };
        let after = Duration::from_millis(after_ms);
        if let Some(copy) = &mut self.copy {
            copy.complete(revision, wall_time(&asked_at.plus(after), &now), after);
        }
        self.from_scratch = false;
        self.trouble.is_over();
        self.synced.send_if_modified(|synced| !std::mem::replace(synced, true));
        if have_parted(&asked_at, &now) {
            // Times that count from when this stream was asked for would make everything look old.
            return Err(End::Cut(away("this machine slept, or its clock was set")));
        }
        Ok(true)
    }
}

fn misfit(detail: &'static str) -> End {
    End::Misfit(Error::new(ErrorCode::KeysUnavailable, detail))
}

/// Names that stand in a query as they are.
fn is_history(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What the clock on the wall, as it goes now, says of a moment; the earlier time if it was set since.
fn wall_time(at: &Moment, now: &Moment) -> Duration {
    at.wall.min(now.wall.saturating_sub(now.monotonic.saturating_sub(at.monotonic)))
}

/// Whether one clock has gone on by more than the other did.
fn have_parted(from: &Moment, to: &Moment) -> bool {
    let wall = i128::try_from(to.wall.as_millis()).unwrap_or(0) - i128::try_from(from.wall.as_millis()).unwrap_or(0);
    let monotonic = i128::try_from(to.monotonic.saturating_sub(from.monotonic).as_millis()).unwrap_or(0);
    wall.abs_diff(monotonic) > MAX_PARTING.as_millis()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{have_parted, is_history, wall_time};
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
        assert!(!have_parted(&at(1000, 10), &at(1300, 309)));
        assert!(have_parted(&at(1000, 10), &at(999, 12)) && have_parted(&at(1000, 10), &at(4600, 12)));
    }

    #[test]
    fn a_history_says_nothing_else_in_a_query() {
        assert!(is_history("") && is_history("0aZ-_"));
        for refused in ["a&b", "a b", "a%20", "\u{e4}", &"a".repeat(65)] {
            assert!(!is_history(refused), "{refused}");
        }
    }
}
