//! The issuer's directory: when it is to be asked for, and what became of that. Nothing is fetched here.

use std::time::Duration;

use doorkey_core::{Error, ErrorCode};
use doorkey_verifier::{Directory, DirectoryAnswer, IssuerSigner, Misread, Moment, Position, Waits};
use http::HeaderName;

use crate::report::Drawn;

/// No two questions for the sake of an unknown key within this: ids of keys are for anyone to make up.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether a request has to wait for the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is fresh, or it is too soon to ask again.
    None,
    /// It should be asked for in the background.
    Soon,
    /// Without it nothing can be decided.
    Now,
}

impl Need {
    /// `none`, `soon` or `now`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Soon => "soon",
            Self::Now => "now",
        }
    }
}

/// A question to the issuer, and its answer as it comes.
#[derive(Debug)]
pub struct Asked {
    round: u64,
    answer: DirectoryAnswer,
    target: String,
    headers: Vec<(HeaderName, String)>,
}

impl Asked {
    /// Where the question goes to, below the issuer's URL.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Its headers.
    pub fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }
}

/// A copy of the directory, and when to ask for a newer one.
#[derive(Debug)]
pub(crate) struct Following {
    directory: Directory,
    waits: Waits,
    /// What makes this verifier wait for another time than others do.
    stream: [u8; 12],
    /// What came did not fit: the next answer is to tell everything.
    from_scratch: bool,
    /// Counts the questions. Only the latest one may be answered, and once: two answers must not be read in turn.
    round: u64,
    is_open: bool,
    /// When was asked last, by the monotonic clock.
    asked_at: Option<Duration>,
    /// Until when nothing is asked after a failure, by the monotonic clock.
    rest_until: Duration,
    trouble: Option<Error>,
}

impl Following {
    pub(crate) fn new(max_staleness: Duration, stream: [u8; 12]) -> Self {
        Self {
            directory: Directory::new(max_staleness),
            waits: Waits::default(),
            stream,
            from_scratch: false,
            round: 0,
            is_open: false,
            asked_at: None,
            rest_until: Duration::ZERO,
            trouble: None,
        }
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What was wrong when the directory was asked for last.
    pub(crate) fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }

    /// Whether the directory is to be asked for before a request is decided.
    pub(crate) fn need(&self, now: &Moment) -> Need {
        let most = self.directory.max_staleness();
        match self.directory.age(now) {
            _ if now.monotonic < self.rest_until => Need::None,
            Some(age) if age <= most / 2 => Need::None,
            Some(age) if age <= most => Need::Soon,
            _ => Need::Now,
        }
    }

    /// Whether it is worth asking for the sake of a key that is not known; the request with it came at `came_at`, by the
    /// monotonic clock.
    pub(crate) fn should_look(&self, came_at: Duration, now: &Moment) -> bool {
        let is_new = self.directory.complete_at().is_some_and(|at| at.monotonic >= came_at);
        let is_recent = self.asked_at.is_some_and(|at| now.monotonic.abs_diff(at) < LOOK_EVERY);
        !is_new && !is_recent && now.monotonic >= self.rest_until
    }

    /// Asks; what was asked before is not answered any more.
    pub(crate) fn ask(&mut self, signer: &IssuerSigner, now: &Moment) -> Result<Asked, Error> {
        let since = if self.from_scratch { Position::default() } else { self.directory.position() };
        let answer = DirectoryAnswer::new(since, *now);
        let target = answer.target(false);
        let headers = signer.sign("GET", &target, None, now.seconds())?;
        self.round += 1;
        (self.is_open, self.asked_at) = (true, Some(now.monotonic));
        Ok(Asked { round: self.round, answer, target, headers })
    }

    /// Takes over a piece of the answer. Fails if it cannot be read or does not fit, and then it is over.
    pub(crate) fn take(&mut self, asked: &mut Asked, piece: &[u8], now: &Moment) -> Result<(), Error> {
        self.check_latest(asked)?;
        asked.answer.push(piece);
        loop {
            match asked.answer.apply_next(&self.directory, now) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(misread) => return Err(self.misread(misread, now)),
            }
        }
    }

    /// The answer is over. Fails if it was cut off.
    pub(crate) fn end(&mut self, asked: &Asked, now: &Moment) -> Result<(), Error> {
        self.check_latest(asked)?;
        if let Err(misread) = asked.answer.end() {
            return Err(self.misread(misread, now));
        }
        if !asked.answer.is_complete() {
            return Err(self.misread(Misread::Unreadable(away("the issuer's answer is not complete")), now));
        }
        self.waits.succeeded(false);
        self.rest_until = now.monotonic;
        (self.is_open, self.from_scratch, self.trouble) = (false, false, None);
        Ok(())
    }

    /// There was no answer, or it was a refusal: `status` is 0 if nothing came, or it was broken off.
    pub(crate) fn refused(
        &mut self,
        asked: &Asked,
        signer: &IssuerSigner,
        status: u16,
        document: Option<&[u8]>,
        now: &Moment,
    ) {
        if self.check_latest(asked).is_err() {
            return;
        }
        let error = refusal(signer, status, document, now);
        let is_lasting = IssuerSigner::is_lasting(status, &error);
        self.failed(error, is_lasting, now);
    }

    fn check_latest(&self, asked: &Asked) -> Result<(), Error> {
        if self.is_open && asked.round == self.round { Ok(()) } else { Err(away("the directory was asked for anew")) }
    }

    fn misread(&mut self, misread: Misread, now: &Moment) -> Error {
        self.from_scratch |= matches!(misread, Misread::Misfit(_));
        let error = misread.into_error();
        self.failed(error.clone(), false, now);
        error
    }

    fn failed(&mut self, error: Error, is_lasting: bool, now: &Moment) {
        let turn = usize::try_from(self.round).unwrap_or_default() % self.stream.len();
        let wait = self.waits.next(&Drawn(&self.stream[turn..=turn]));
        self.rest_until = now.monotonic + if is_lasting { Waits::LONGEST } else { wait };
        (self.is_open, self.trouble) = (false, Some(error));
    }
}

/// What an answer says that is no success; status 0 stands for none.
pub(crate) fn refusal(signer: &IssuerSigner, status: u16, document: Option<&[u8]>, now: &Moment) -> Error {
    match status {
        0 => away("the issuer cannot be reached"),
        status => signer.refusal(status, document, now.seconds()),
    }
}

fn away(detail: &'static str) -> Error {
    Error::new(ErrorCode::IssuerUnavailable, detail)
}
