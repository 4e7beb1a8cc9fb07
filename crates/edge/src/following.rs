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
            _ if self.rests(now) => Need::None,
            Some(age) if age <= most / 2 => Need::None,
            Some(age) if age <= most => Need::Soon,
            _ => Need::Now,
        }
    }

    /// How long to wait before asking for the sake of a key that is not known: the rest of the second since somebody asked
    /// last. `None` when it is not worth it: the copy is as new as the request, which came at `came_at`, by the monotonic
    /// clock, or the issuer failed a moment ago.
    pub(crate) fn look_in(&self, came_at: Duration, now: &Moment) -> Option<Duration> {
        let is_known = self.directory.age(now).is_some();
        let is_new = is_known && self.directory.complete_at().is_some_and(|at| at.monotonic >= came_at);
        if is_new || self.rests(now) {
            return None;
        }
        // A clock that was set back says nothing of how long ago that was.
        let ago = self.asked_at.and_then(|at| now.monotonic.checked_sub(at));
        Some(ago.map_or(Duration::ZERO, |ago| LOOK_EVERY.saturating_sub(ago)))
    }

    /// Whether it is too soon to ask again after a failure. Longer than the longest wait it is only by a clock that was set
    /// back.
    fn rests(&self, now: &Moment) -> bool {
        self.rest_until.checked_sub(now.monotonic).is_some_and(|rest| !rest.is_zero() && rest <= Waits::LONGEST)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorkey_core::ErrorCode;
    use doorkey_verifier::{IssuerSigner, Moment};

    use super::{Asked, Following, Need};
    use crate::world::{NOW, answer, at, credential, key_line};

    const STALENESS: Duration = Duration::from_secs(10);

    struct World {
        signer: IssuerSigner,
        following: Following,
    }

    impl World {
        fn new() -> Self {
            // With the longest waits.
            Self { signer: IssuerSigner::new(credential(), [255; 12]), following: Following::new(STALENESS, [255; 12]) }
        }

        fn ask(&mut self, millis: f64) -> Asked {
            self.following.ask(&self.signer, &at(millis)).unwrap()
        }

        /// A question at a time, with its whole answer at another.
        fn refresh(&mut self, asked_at: f64, text: &str, answered_at: f64) -> Result<(), ErrorCode> {
            let mut asked = self.ask(asked_at);
            let now = at(answered_at);
            let taken = self.following.take(&mut asked, text.as_bytes(), &now);
            taken.and_then(|()| self.following.end(&asked, &now)).map_err(|error| error.code())
        }

        fn refuse(&mut self, asked_at: f64, status: u16, document: &str, millis: f64) {
            let asked = self.ask(asked_at);
            self.following.refused(&asked, &self.signer, status, Some(document.as_bytes()), &at(millis));
        }

        fn need(&self, millis: f64) -> Need {
            self.following.need(&at(millis))
        }
    }

    fn full() -> String {
        answer(0, &[key_line(&serde_json::json!({}))], 7)
    }

    #[test]
    fn a_copy_is_as_old_as_the_question() {
        let mut world = World::new();
        assert_eq!(world.need(0.0), Need::Now);
        assert_eq!(world.refresh(1000.0, &full(), 4000.0), Ok(()));
        let needs = [4000.0, 6000.0, 6001.0, 11_000.0, 11_001.0].map(|millis| world.need(millis));
        assert_eq!(needs, [Need::None, Need::None, Need::Soon, Need::Soon, Need::Now]);
        // Either clock counts: one is set, the other stands still while the machine sleeps.
        let clocks = |wall: f64, monotonic| world.following.need(&crate::report::moment(NOW + wall, monotonic));
        assert_eq!((clocks(20_000.0, 4000.0), clocks(4000.0, 20_000.0)), (Need::Now, Need::Now));
        assert_eq!(clocks(-20_000.0, 4000.0), Need::None);
    }

    #[test]
    fn what_the_issuer_saw_later_is_younger() {
        let mut world = World::new();
        world.refresh(1000.0, &full().replace("\"after_ms\":0", "\"after_ms\":2000"), 4000.0).unwrap();
        assert_eq!((world.need(8000.0), world.need(8001.0)), (Need::None, Need::Soon));
    }

    #[test]
    fn an_answer_comes_in_pieces_that_are_cut_anywhere() {
        for size in [1, 7, 100] {
            let mut world = World::new();
            let mut asked = world.ask(0.0);
            for piece in full().as_bytes().chunks(size) {
                assert_eq!(world.need(0.0), Need::Now, "not before it is complete");
                world.following.take(&mut asked, piece, &at(0.0)).unwrap();
            }
            world.following.end(&asked, &at(0.0)).unwrap();
            assert_eq!((world.need(0.0), world.following.directory().len()), (Need::None, 1));
        }
    }

    #[test]
    fn after_failures_it_rests_longer_and_longer() {
        let mut world = World::new();
        let mut now = 0.0;
        for wait in [0.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 2000.0, 2000.0] {
            world.refuse(now, 0, "", now);
            if wait > 0.0 {
                assert_eq!(world.need(now + wait - 1.0), Need::None, "{wait}");
                assert_eq!(world.following.look_in(at(now).monotonic, &at(now + wait - 1.0)), None);
            }
            now += wait;
            assert_eq!(world.need(now), Need::Now, "{wait}");
        }
        assert_eq!(world.following.trouble().unwrap().code(), ErrorCode::IssuerUnavailable);
        world.refresh(now, &full(), now).unwrap();
        assert_eq!(world.following.trouble(), None);
        world.refuse(now + 20_000.0, 503, "", now + 20_000.0);
        assert_eq!(world.need(now + 20_000.0), Need::Now, "the first try after a success is at once");
        // A credential that is not taken will not be in a moment.
        world.refuse(now + 30_000.0, 401, r#"{"code":"key_revoked"}"#, now + 30_000.0);
        assert_eq!((world.need(now + 31_999.0), world.need(now + 32_000.0)), (Need::None, Need::Now));
        assert_eq!(world.following.trouble().unwrap().code(), ErrorCode::KeyRevoked);
    }

    #[test]
    fn a_clock_that_is_wrong_is_put_right_at_once() {
        let mut world = World::new();
        let created = |asked: &Asked| {
            let (_, input) = &asked.headers()[0];
            input.split_once("created=").unwrap().1[..10].parse::<u64>().unwrap()
        };
        assert_eq!(created(&world.ask(0.0)), 1_760_000_000);
        world.refuse(0.0, 401, r#"{"code":"window_invalid","server_time":1760009000.25}"#, 0.0);
        assert_eq!(world.need(0.0), Need::Now);
        assert_eq!(created(&world.ask(1000.0)), 1_760_009_001);
    }

    #[test]
    fn what_does_not_fit_is_asked_for_from_the_beginning_and_what_was_cut_is_not() {
        let mut world = World::new();
        assert_eq!(world.ask(0.0).target(), "/v1/directory?since=0&history=");
        world.refresh(0.0, &full(), 0.0).unwrap();
        let goes_on = answer(7, &[], 8);
        let cut = &goes_on[..goes_on.len() - 1];
        assert_eq!(world.refresh(0.0, cut, 0.0), Err(ErrorCode::IssuerUnavailable));
        let (incomplete, _) = goes_on.rsplit_once("{\"synced\"").unwrap();
        assert_eq!(world.refresh(0.0, incomplete, 0.0), Err(ErrorCode::IssuerUnavailable));
        assert_eq!(world.refresh(0.0, "<html>\n", 0.0), Err(ErrorCode::KeysUnavailable));
        assert_eq!(world.ask(0.0).target(), "/v1/directory?since=7&history=h");
        assert_eq!(world.refresh(0.0, &answer(6, &[], 8), 0.0), Err(ErrorCode::KeysUnavailable));
        assert_eq!(world.ask(0.0).target(), "/v1/directory?since=0&history=");
        world.refresh(0.0, &full(), 0.0).unwrap();
        assert_eq!(world.ask(0.0).target(), "/v1/directory?since=7&history=h");
    }

    #[test]
    fn only_the_latest_question_is_answered_and_once() {
        let mut world = World::new();
        let mut late = world.ask(0.0);
        let mut asked = world.ask(0.0);
        let text = full();
        assert!(world.following.take(&mut late, text.as_bytes(), &at(0.0)).is_err());
        assert!(world.following.end(&late, &at(0.0)).is_err());
        world.following.refused(&late, &world.signer, 401, None, &at(0.0));
        assert_eq!((world.need(0.0), world.following.trouble()), (Need::Now, None), "nothing is held against it");
        world.following.take(&mut asked, text.as_bytes(), &at(0.0)).unwrap();
        world.following.end(&asked, &at(0.0)).unwrap();
        assert!(world.following.end(&asked, &at(0.0)).is_err());
        let mut broken = world.ask(20_000.0);
        assert!(world.following.take(&mut broken, b"x\n", &at(20_000.0)).is_err());
        world.following.refused(&broken, &world.signer, 401, None, &at(20_000.0));
        assert_eq!(world.need(20_000.0), Need::Now, "one failure counts once");
    }

    #[test]
    fn for_an_unknown_key_it_is_asked_once_a_second() {
        let mut world = World::new();
        let look = |world: &World, came: u64, now: f64| {
            world.following.look_in(Duration::from_millis(came), &at(now)).map(|wait| wait.as_millis())
        };
        assert_eq!(look(&world, 0, 0.0), Some(0));
        world.refresh(0.0, &full(), 300.0).unwrap();
        assert_eq!(look(&world, 0, 1500.0), None, "it is as new as the request");
        assert_eq!([400.0, 999.0, 1000.0, 9000.0].map(|now| look(&world, 400, now)), [600, 1, 0, 0].map(Some));
        let now: Moment = at(1000.0);
        let _under_way = world.following.ask(&world.signer, &now).unwrap();
        assert_eq!([1500.0, 2000.0].map(|now| look(&world, 1001, now)), [500, 0].map(Some));
    }

    #[test]
    fn after_a_clock_was_set_back_it_is_asked_at_once() {
        let mut world = World::new();
        world.refresh(9_000_000.0, &full(), 9_000_000.0).unwrap();
        assert_eq!((world.need(9_000_000.0), world.need(0.0)), (Need::None, Need::Now));
        assert_eq!(world.following.look_in(Duration::ZERO, &at(0.0)), Some(Duration::ZERO));
        world.refuse(9_020_000.0, 401, r#"{"code":"key_revoked"}"#, 9_020_000.0);
        assert_eq!((world.need(9_020_000.0), world.need(0.0)), (Need::None, Need::Now));
        world.refresh(0.0, &answer(7, &[], 8), 0.0).unwrap();
        assert_eq!([0.0, 5001.0, 10_001.0].map(|now| world.need(now)), [Need::None, Need::Soon, Need::Now]);
    }
}
