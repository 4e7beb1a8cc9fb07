//! An answer of the issuer, read into a directory as it comes.

use std::time::Duration;

use doorkey_core::{Error, ErrorCode};

use super::line::{DirectoryBegin, DirectoryLine, DirectorySynced};
use super::lines::{Batch, Lines};
use super::{Directory, Position};
use crate::ambient::Moment;

/// By how much the two clocks may part during an answer.
const MAX_PARTING: Duration = Duration::from_secs(2);

/// One answer to the question what has changed: bytes go in, and come to be what a [`Directory`] holds.
///
/// ```
/// use doorkey_verifier::{Directory, DirectoryAnswer, Moment, Position};
///
/// let directory = Directory::new(Directory::DEFAULT_MAX_STALENESS);
/// let mut answer = DirectoryAnswer::new(Position::default(), Moment::default());
/// assert_eq!(answer.target(false), "/v1/directory?since=0&history=");
/// answer.push(br#"{"begin":{"history":"h","since":0}}"#);
/// answer.push(b"\n{\"synced\":{\"revision\":7,\"after_ms\":0}}\n");
/// while answer.apply_next(&directory, &Moment::default())?.is_some() {}
/// answer.end()?;
/// assert!(answer.is_complete());
/// assert_eq!(directory.position().revision, 7);
/// # Ok::<(), doorkey_verifier::Misread>(())
/// ```
#[derive(Debug)]
pub struct DirectoryAnswer {
    since: Position,
    asked_at: Moment,
    lines: Lines,
    has_begun: bool,
    is_complete: bool,
}

/// What was taken over at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The answer says what it comes on top of.
    Begun(DirectoryBegin),
    /// Some lines.
    Lines {
        /// The lines as they came, but for the one that says that nothing is missing.
        text: Vec<u8>,
        /// Nothing is missing now.
        synced: Option<DirectorySynced>,
    },
}

/// Why an answer cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misread {
    /// It was cut off, or a line of it is none: ask again from where the directory is.
    Unreadable(Error),
    /// It does not fit what is here: ask again from the beginning.
    Misfit(Error),
}

impl Misread {
    /// What is wrong.
    pub fn into_error(self) -> Error {
        let (Self::Unreadable(error) | Self::Misfit(error)) = self;
        error
    }
}

impl DirectoryAnswer {
    /// The answer to what was asked at `asked_at`: for what came after `since`.
    pub fn new(since: Position, asked_at: Moment) -> Self {
        Self { since, asked_at, lines: Lines::default(), has_begun: false, is_complete: false }
    }

    /// What to ask the issuer for; `follow` has it go on with changes as they come.
    pub fn target(&self, follow: bool) -> String {
        let Position { history, revision } = &self.since;
        let follow = if follow { "&follow=true" } else { "" };
        format!("/v1/directory?since={revision}&history={history}{follow}")
    }

    /// Adds bytes that have come.
    pub fn push(&mut self, piece: &[u8]) {
        self.lines.push(piece);
    }

    /// Takes some of what has come over into `directory`; `None` when more has to come. `now` bounds what the issuer says
    /// of when that was true.
    pub fn apply_next(&mut self, directory: &Directory, now: &Moment) -> Result<Option<Applied>, Misread> {
        match self.lines.next().map_err(Misread::Unreadable)? {
            None => Ok(None),
            Some(batch) if self.has_begun => self.take(batch, directory, now).map(Some),
            Some(batch) => match batch.lines.into_iter().next() {
                Some(DirectoryLine::Begin(begin)) => self.begin(begin, directory).map(Some),
                _ => Err(no_beginning()),
            },
        }
    }

    /// Whether nothing was missing at some time.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The answer is over. Fails if it was cut off.
    pub fn end(&self) -> Result<(), Misread> {
        if !self.lines.is_empty() {
            return Err(Misread::Unreadable(cut()));
        }
        if self.has_begun { Ok(()) } else { Err(no_beginning()) }
    }

    /// Whether one clock has gone on by more than the other since this was asked for: times that count from then would
    /// make everything look old.
    pub fn is_outlived(&self, now: &Moment) -> bool {
        have_parted(&self.asked_at, now)
    }

    fn begin(&mut self, begin: DirectoryBegin, directory: &Directory) -> Result<Applied, Misread> {
        if !is_history(&begin.history) {
            return Err(misfit("the directory's history has no name that can be asked for"));
        }
        if begin.since != 0 && (begin.since != self.since.revision || begin.history != self.since.history) {
            return Err(misfit("the directory goes on from elsewhere"));
        }
        directory.apply([DirectoryLine::Begin(begin.clone())], self.asked_at).map_err(Misread::Misfit)?;
        self.has_begun = true;
        Ok(Applied::Begun(begin))
    }

    fn take(&mut self, batch: Batch, directory: &Directory, now: &Moment) -> Result<Applied, Misread> {
        let Batch { mut lines, text } = batch;
        let synced = match lines.last_mut() {
            Some(DirectoryLine::Begin(_)) => return Err(misfit("the directory begins a second time")),
            Some(DirectoryLine::Synced(synced)) => {
                // It cannot have been true later than now, whatever the issuer's clock says.
                let elapsed = u64::try_from(now.since(&self.asked_at).as_millis()).unwrap_or(u64::MAX);
                synced.after_ms = synced.after_ms.min(elapsed);
                directory.forget_what_is_to_come(now);
                Some(*synced)
            }
            _ => None,
        };
        directory.apply(lines, self.asked_at).map_err(Misread::Misfit)?;
        self.is_complete |= synced.is_some();
        Ok(Applied::Lines { text, synced })
    }
}

pub(crate) fn cut() -> Error {
    Error::new(ErrorCode::IssuerUnavailable, "the connection to the issuer was cut")
}

fn no_beginning() -> Misread {
    misfit("the directory does not say where it begins")
}

fn misfit(detail: &'static str) -> Misread {
    Misread::Misfit(Error::new(ErrorCode::KeysUnavailable, detail))
}

/// Names that stand in a query as they are.
fn is_history(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
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

    use super::{Applied, Directory, DirectoryAnswer, Misread, Moment, Position, have_parted, is_history};

    fn at(wall: u64, monotonic: u64) -> Moment {
        Moment { wall: Duration::from_secs(wall), monotonic: Duration::from_secs(monotonic) }
    }

    fn position(history: &str, revision: u64) -> Position {
        Position { history: history.into(), revision }
    }

    /// Reads a whole answer.
    fn read(directory: &Directory, since: Position, text: &str) -> Result<Vec<Applied>, Misread> {
        let mut answer = DirectoryAnswer::new(since, at(1000, 10));
        answer.push(text.as_bytes());
        let mut applied = Vec::new();
        while let Some(some) = answer.apply_next(directory, &at(1003, 13))? {
            applied.push(some);
        }
        answer.end().map(|()| applied)
    }

    const BEGIN: &str = "{\"begin\":{\"history\":\"h\",\"since\":0}}\n";
    const SYNCED: &str = "{\"synced\":{\"revision\":7,\"after_ms\":2000}}\n";

    #[test]
    fn an_answer_is_as_old_as_the_question_and_what_the_issuer_says() {
        let directory = Directory::new(Duration::from_secs(10));
        let applied = read(&directory, Position::default(), &format!("{BEGIN}{SYNCED}")).unwrap();
        assert_eq!(applied.len(), 2);
        assert_eq!(directory.position(), position("h", 7));
        assert_eq!(directory.age(&at(1003, 13)), Some(Duration::from_secs(1)));
        // An issuer that says that it looked later than now is believed no further than until now.
        let later = SYNCED.replace("2000", "2000000");
        read(&directory, position("h", 7), &format!("{}{later}", BEGIN.replace(":0", ":7"))).unwrap();
        assert_eq!(directory.age(&at(1004, 14)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_clock_that_was_set_back_leaves_a_copy_of_no_age_until_the_next_answer() {
        let directory = Directory::new(Duration::from_secs(10));
        let ask = |since: u64, now: super::Moment| {
            let mut answer = DirectoryAnswer::new(directory.position(), now);
            answer.push(BEGIN.replace(":0", &format!(":{since}")).as_bytes());
            answer.push(SYNCED.as_bytes());
            while answer.apply_next(&directory, &now).unwrap().is_some() {}
        };
        ask(0, at(5000, 5000));
        let back = at(1000, 1000);
        assert_eq!((directory.age(&at(5000, 5000)), directory.age(&back)), (Some(Duration::ZERO), None));
        assert!(directory.check_fresh(&back).is_err());
        // A decision may have begun a moment before the news came.
        assert!(directory.check_fresh(&at(4999, 4999)).is_ok());
        ask(7, back);
        assert_eq!(directory.age(&at(1003, 1003)), Some(Duration::from_secs(3)));
        assert!(directory.check_fresh(&at(1011, 1011)).is_err());
    }

    #[test]
    fn what_does_not_fit_is_told_from_what_cannot_be_read() {
        let goes_on = BEGIN.replace(":0", ":7");
        for (text, is_misfit) in [
            (SYNCED.to_owned(), true),
            (String::new(), true),
            (format!("{BEGIN}{SYNCED}{BEGIN}"), true),
            (goes_on.replace('7', "8"), true),
            (goes_on.replace('7', "6"), true),
            (goes_on.replace("\"h\"", "\"i\""), true),
            (BEGIN.replace("\"h\"", "\"a b\""), true),
            (format!("{goes_on}{}", SYNCED.replace('7', "6")), true),
            (format!("{BEGIN}{{}}\n"), false),
            (format!("{BEGIN}{}", &SYNCED[..SYNCED.len() - 1]), false),
        ] {
            let directory = Directory::new(Duration::from_secs(10));
            read(&directory, Position::default(), &format!("{BEGIN}{SYNCED}")).unwrap();
            let misread = read(&directory, position("h", 7), &text).unwrap_err();
            assert_eq!(matches!(misread, Misread::Misfit(_)), is_misfit, "{text} {misread:?}");
        }
    }

    #[test]
    fn an_answer_that_never_was_complete_replaces_nothing() {
        let directory = Directory::new(Duration::from_secs(10));
        read(&directory, Position::default(), &format!("{BEGIN}{SYNCED}")).unwrap();
        let mut answer = DirectoryAnswer::new(position("h", 7), at(1004, 14));
        answer.push(BEGIN.replace("\"h\"", "\"i\"").as_bytes());
        answer.push(b"{\"organization\":{\"id\":\"org_00000000000000000000000000\",\"archived\":true}}\n");
        while answer.apply_next(&directory, &at(1004, 14)).unwrap().is_some() {}
        assert!(answer.end().is_ok() && !answer.is_complete());
        assert_eq!(directory.position(), position("h", 7));
    }

    #[test]
    fn clocks_that_part_are_noticed() {
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
