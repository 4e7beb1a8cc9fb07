//! What the issuer is told of what keys were used for. Nothing is sent here.

use std::time::Duration;

use doorkey_core::{Error, ErrorCode, to_base64url};
use doorkey_verifier::{Counts, IssuerSigner, Moment, Outcome, ReportAnswer, Spool, USAGE_PATH, UsageCount};
use http::HeaderName;

use crate::following::refusal;

/// How often the issuer is told, unless there is something that cannot wait.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// A batch that is to be posted.
#[derive(Debug)]
pub struct UsagePost {
    /// Names the batch.
    series: String,
    sequence: u64,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

impl UsagePost {
    /// Its headers.
    pub fn headers(&self) -> &[(HeaderName, String)] {
        &self.headers
    }

    /// Its body, JSON.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// What was counted, and how far it was told.
#[derive(Debug)]
pub(crate) struct Reporting {
    counts: Counts,
    spool: Spool,
    /// When a batch went out last, by the monotonic clock.
    sent_at: Option<Duration>,
    /// It came to something, so that the next one may follow at once.
    is_settled: bool,
    /// A secret key was seen in a browser, and no batch that went out says so yet.
    has_leak: bool,
}

impl Reporting {
    /// Nothing was counted yet; `random` names the series of batches.
    pub(crate) fn new(random: [u8; 12]) -> Self {
        Self {
            counts: Counts::default(),
            spool: Spool::new(to_base64url(&random)),
            sent_at: None,
            is_settled: true,
            has_leak: false,
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The batch to post now, if there is something to tell and it is time.
    pub(crate) fn next(&mut self, signer: &IssuerSigner, now: &Moment) -> Result<Option<UsagePost>, Error> {
        let counts = self.counts.take();
        self.has_leak |= counts.iter().any(is_leak);
        self.spool.add(counts);
        let is_due = self.sent_at.is_none_or(|at| now.monotonic.abs_diff(at) >= REPORT_EVERY);
        if !(is_due || self.is_settled && (self.has_leak || self.spool.has_much())) {
            return Ok(None);
        }
        let Some(report) = self.spool.next_report() else { return Ok(None) };
        let unwritable = |_| Error::new(ErrorCode::InvalidInput, "the report cannot be written as JSON");
        let body = serde_json::to_vec(report).map_err(unwritable)?;
        let headers = signer.sign("POST", USAGE_PATH, Some(&body), now.seconds())?;
        self.has_leak &= !report.counts.iter().any(is_leak);
        (self.sent_at, self.is_settled) = (Some(now.monotonic), false);
        Ok(Some(UsagePost { series: report.spool.clone(), sequence: report.sequence, headers, body }))
    }

    /// Takes note of what became of a batch; `random` names the next series, if one begins. Status 0 stands for no answer.
    pub(crate) fn note(
        &mut self,
        post: &UsagePost,
        signer: &IssuerSigner,
        status: u16,
        document: Option<&[u8]>,
        random: [u8; 12],
        now: &Moment,
    ) {
        // Of a batch that was sent twice, the first answer counts.
        let is_its = self.spool.is_on_its_way()
            && self
                .spool
                .next_report()
                .is_some_and(|report| (&report.spool, report.sequence) == (&post.series, post.sequence));
        if !is_its {
            return;
        }
        let answer = ReportAnswer::of(status, refusal(signer, status, document, now));
        self.spool.answered(&answer, || to_base64url(&random));
        self.is_settled = !matches!(answer, ReportAnswer::Later(_));
        if answer == ReportAnswer::OutOfOrder {
            self.sent_at = None;
        }
    }
}

fn is_leak(count: &UsageCount) -> bool {
    count.outcome == Outcome::Refused(ErrorCode::SecretKeyInBrowser)
}

#[cfg(test)]
mod tests {
    use doorkey_core::{ErrorCode, KeyId};
    use doorkey_verifier::{IssuerSigner, Outcome, UsageReport};

    use super::{Reporting, UsagePost};
    use crate::world::{at, credential};

    struct World {
        signer: IssuerSigner,
        reporting: Reporting,
    }

    impl World {
        fn new() -> Self {
            Self { signer: IssuerSigner::new(credential(), [0; 12]), reporting: Reporting::new([0; 12]) }
        }

        fn count(&self, key: u64, outcome: Outcome) {
            self.reporting.counts().note(KeyId::from_parts(key, [0; 10]), outcome, 1_760_000_000);
        }

        fn next(&mut self, millis: f64) -> Option<(UsagePost, UsageReport)> {
            let post = self.reporting.next(&self.signer, &at(millis)).unwrap()?;
            let report = serde_json::from_slice(post.body()).unwrap();
            Some((post, report))
        }

        fn note(&mut self, post: &UsagePost, status: u16, millis: f64) {
            self.reporting.note(post, &self.signer, status, None, [1; 12], &at(millis));
        }
    }

    const LEAK: Outcome = Outcome::Refused(ErrorCode::SecretKeyInBrowser);

    #[test]
    fn each_count_is_told_once_and_every_five_seconds() {
        let mut world = World::new();
        assert!(world.next(0.0).is_none(), "there is nothing to tell");
        world.count(1, Outcome::Accepted);
        world.count(1, Outcome::Accepted);
        let (post, report) = world.next(0.0).unwrap();
        assert_eq!((report.spool.as_str(), report.sequence), ("AAAAAAAAAAAAAAAA", 1));
        assert_eq!((report.counts.len(), report.counts[0].count), (1, 2));
        assert_eq!(post.headers().len(), 4, "with the body's type and digest");
        world.note(&post, 204, 100.0);
        world.count(2, Outcome::Accepted);
        assert!(world.next(4999.0).is_none());
        let (post, report) = world.next(5000.0).unwrap();
        assert_eq!((report.sequence, report.counts.len()), (2, 1));
        world.note(&post, 204, 5000.0);
        assert!(world.next(20_000.0).is_none());
    }

    #[test]
    fn a_leak_is_told_at_once() {
        let mut world = World::new();
        world.count(1, Outcome::Accepted);
        let (first, _) = world.next(0.0).unwrap();
        world.count(1, LEAK);
        assert!(world.next(10.0).is_none(), "not while another batch is on its way");
        world.note(&first, 204, 20.0);
        let (post, report) = world.next(20.0).unwrap();
        assert_eq!(report.counts[0].outcome, LEAK);
        world.note(&post, 503, 30.0);
        world.count(2, LEAK);
        assert!(world.next(5019.0).is_none(), "an issuer that is away is left alone");
        assert_eq!(world.next(5020.0).unwrap().1, report, "it stays as it is until it is taken");
    }

    #[test]
    fn a_leak_waits_for_the_batch_before_it_alone() {
        let mut world = World::new();
        world.count(1, Outcome::Accepted);
        let (_, first) = world.next(0.0).unwrap();
        world.count(1, LEAK);
        let (again, same) = world.next(5000.0).unwrap();
        assert_eq!(same, first, "nobody has answered");
        world.note(&again, 204, 5010.0);
        assert_eq!(world.next(5010.0).unwrap().1.counts[0].outcome, LEAK);
    }

    #[test]
    fn what_becomes_of_a_batch_is_as_natively() {
        let mut world = World::new();
        world.count(1, Outcome::Accepted);
        let (post, first) = world.next(0.0).unwrap();
        world.note(&post, 409, 10.0);
        let (again, renumbered) = world.next(10.0).unwrap();
        assert_eq!((renumbered.spool.as_str(), renumbered.sequence), ("AQEBAQEBAQEBAQEB", 1));
        assert_eq!(renumbered.counts, first.counts);
        world.note(&post, 204, 20.0);
        let (_, still) = world.next(6000.0).unwrap();
        assert_eq!(still, renumbered, "an answer of before the new series says nothing of it");
        world.note(&again, 422, 6010.0);
        assert!(world.next(20_000.0).is_none(), "it will never be taken");
        world.count(1, Outcome::Accepted);
        let (post, _) = world.next(20_000.0).unwrap();
        world.note(&post, 0, 20_010.0);
        let (again, _) = world.next(25_000.0).unwrap();
        world.note(&again, 204, 25_010.0);
        world.note(&post, 409, 25_020.0);
        world.count(2, Outcome::Accepted);
        assert_eq!(world.next(30_000.0).unwrap().1.sequence, 2, "of two answers the first counts");
    }
}
