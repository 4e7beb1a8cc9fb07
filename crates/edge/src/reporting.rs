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
