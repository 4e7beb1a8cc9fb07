//! Reports usage: counts go into the spool, and from there to the issuer, each once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId, VerifierId, to_base64url};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::MissedTickBehavior;

use super::closed;
use super::requests::{Requests, away};
use super::trouble::Trouble;
use crate::ambient::{Clock, Entropy, random};
use crate::folder::{Folder, FolderIdentity};
use crate::usage::{Counts, ReportAnswer, Spool, USAGE_PATH};

/// The spool's file in the data folder.
const NAME: &str = "usage.json";
/// A report goes out every so many ticks.
const REPORT_EVERY: u32 = 5;
/// Writing may take one part of the time in so many.
const REST_PER_WRITE: u32 = 20;
/// The most keys that are known to have been seen.
const MAX_SEEN: usize = 100_000;

/// The spool as it stands in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<S> {
    verifier: VerifierId,
    /// Where it was written.
    #[serde(default)]
    folder: Option<FolderIdentity>,
    spool: S,
}

/// What reports usage.
#[derive(Debug)]
pub(super) struct Reporter {
    requests: Arc<Requests>,
    counts: Arc<Counts>,
    folder: Option<Arc<Folder>>,
    spool: Spool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Whether the spool is as its file says; without a folder there is nothing more that could be.
    is_saved: bool,
    /// Until when the disk is left alone.
    rest_until: Duration,
    ticks: u32,
    is_due: bool,
    seen: HashSet<KeyId>,
    issuer_trouble: Trouble,
    disk_trouble: Trouble,
    is_full: bool,
}

impl Reporter {
    /// Reads the spool that an earlier process left behind. Blocks.
    pub(super) fn open(
        requests: Arc<Requests>,
        counts: Arc<Counts>,
        folder: Option<Arc<Folder>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let kept = folder.as_deref().and_then(|folder| read(folder, requests.verifier()));
        let is_due = kept.is_some();
        let (mut spool, written_in) = kept.unwrap_or_else(|| (Spool::new(series(&*entropy)), None));
        let is_here = written_in == folder.as_deref().and_then(Folder::identity);
        if is_due && !is_here {
            // The folder that it was copied from may be in use: no number may stand for a batch of each.
            tracing::warn!("the data folder was copied or moved: a new series of batches of usage begins");
            spool.renumber(series(&*entropy));
        }
        Self {
            requests,
            counts,
            folder,
            spool,
            clock,
            entropy,
            is_saved: is_due && is_here,
            rest_until: Duration::ZERO,
            ticks: 0,
            is_due,
            seen: HashSet::new(),
            issuer_trouble: Trouble::new("usage cannot be reported"),
            disk_trouble: Trouble::new(
                "the counts of usage cannot be written to disk, and are not reported until they can",
            ),
            is_full: false,
        }
    }

    /// Goes on until `closing` says so, or its other end is gone; then tells what is left.
    pub(super) async fn run(mut self, mut closing: watch::Receiver<bool>, tick: Duration) {
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sending: Option<JoinHandle<ReportAnswer>> = None;
        loop {
            tokio::select! {
                biased;
                () = closed(&mut closing) => break,
                answer = answer(&mut sending), if sending.is_some() => {
                    sending = None;
                    self.answered(answer);
                }
                _ = ticks.tick() => self.tick().await,
            }
            if sending.is_none() && self.is_due {
                sending = self.send().await;
            }
        }
        self.collect();
        loop {
            match sending.take() {
                Some(mut earlier) => {
                    let answer = answer_of((&mut earlier).await);
                    if !self.answered(answer) {
                        break;
                    }
                }
                None => self.is_due = true,
            }
            sending = self.send().await;
            if sending.is_none() {
                break;
            }
        }
        self.save().await;
        if self.folder.is_none() && !self.spool.is_empty() {
            tracing::warn!(
                "what was counted of usage is lost: the issuer did not take it, and there is no data folder"
            );
        }
    }

    async fn tick(&mut self) {
        self.ticks += 1;
        if self.ticks >= REPORT_EVERY {
            (self.ticks, self.is_due) = (0, true);
        } else if self.clock.monotonic() < self.rest_until {
            return;
        }
        self.collect();
        self.save().await;
    }

    /// Takes over what was counted.
    fn collect(&mut self) {
        let counts = self.counts.take();
        if counts.is_empty() {
            return;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.clear();
        }
        for count in &counts {
            // That a key is used at all is what people wait to see.
            self.is_due |= self.seen.insert(count.key) && !self.issuer_trouble.is_there();
        }
        self.is_saved = false;
        self.spool.add(counts);
        let dropped = self.spool.take_dropped();
        if dropped > 0 && !std::mem::replace(&mut self.is_full, true) {
            tracing::error!(dropped, "the issuer is away for too long: what more is counted of usage is lost");
        }
    }

    /// Begins to send a batch, if there is one and it stands in the file: only then can it be sent again as it is.
    async fn send(&mut self) -> Option<JoinHandle<ReportAnswer>> {
        self.is_due = false;
        self.is_saved &= self.spool.is_on_its_way();
        let Ok(report) = serde_json::to_vec(self.spool.next_report()?) else { return None };
        if !self.save().await {
            return None;
        }
        let requests = Arc::clone(&self.requests);
        Some(tokio::spawn(async move { post(&requests, report).await }))
    }

    /// Takes note of the answer; yields whether the issuer is there to be told more.
    fn answered(&mut self, answer: ReportAnswer) -> bool {
        self.is_saved = false;
        let dropped = self.spool.answered(&answer, || series(&*self.entropy));
        match answer {
            ReportAnswer::Taken => {
                self.issuer_trouble.is_over();
                self.is_full = false;
                self.is_due |= self.spool.has_much();
                true
            }
            ReportAnswer::OutOfOrder => {
                tracing::warn!("the issuer remembers other batches of usage than were sent: a new series begins");
                self.is_due = true;
                true
            }
            ReportAnswer::Unusable(error) => {
                let code = error.code();
                tracing::error!(%code, %error, dropped, "the issuer does not take a batch of usage, which is dropped");
                true
            }
            ReportAnswer::Later(error) => {
                let is_grave = matches!(error.code().status(), 401 | 403);
                self.issuer_trouble.is(error, is_grave);
                false
            }
        }
    }

    /// Writes the spool; yields whether it is as its file says.
    async fn save(&mut self) -> bool {
        let Some(folder) = self.folder.clone().filter(|_| !self.is_saved) else {
            return true;
        };
        let kept = Kept { verifier: self.requests.verifier(), folder: folder.identity(), spool: &self.spool };
        let Ok(content) = serde_json::to_vec(&kept) else { return false };
        let began = self.clock.monotonic();
        let written = spawn_blocking(move || folder.write(NAME, &content)).await;
        let took = self.clock.monotonic().saturating_sub(began);
        self.rest_until = began.saturating_add(took.saturating_mul(REST_PER_WRITE));
        self.is_saved = matches!(written, Ok(Ok(())));
        match written {
            Ok(Ok(())) => self.disk_trouble.is_over(),
            Ok(Err(error)) => {
                let error = Error::new(ErrorCode::StoreUnavailable, error.to_string());
                self.disk_trouble.is(error, true);
            }
            Err(_) => self.disk_trouble.is(Error::new(ErrorCode::StoreUnavailable, "writing was broken off"), true),
        }
        self.is_saved
    }
}

/// Waits for the answer, if something was sent.
async fn answer(sending: &mut Option<JoinHandle<ReportAnswer>>) -> ReportAnswer {
    match sending {
        Some(sending) => answer_of(sending.await),
        None => std::future::pending().await,
    }
}

fn answer_of(answer: Result<ReportAnswer, tokio::task::JoinError>) -> ReportAnswer {
    answer.unwrap_or_else(|_| ReportAnswer::Later(away("sending was broken off")))
}

async fn post(requests: &Requests, report: Vec<u8>) -> ReportAnswer {
    let response = match requests.post(USAGE_PATH, report).await {
        Ok(response) => response,
        Err(error) => return ReportAnswer::Later(error),
    };
    let status = response.status().as_u16();
    // Of a success nobody looks at what it says.
    ReportAnswer::of(status, requests.refusal(response).await)
}

fn series(entropy: &dyn Entropy) -> String {
    to_base64url(&random::<12>(entropy))
}

fn read(folder: &Folder, verifier: VerifierId) -> Option<(Spool, Option<FolderIdentity>)> {
    let content = match std::fs::read(folder.file(NAME)) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::error!(%error, "what an earlier process counted of usage cannot be read");
            return None;
        }
    };
    match serde_json::from_slice::<Kept<Spool>>(&content) {
        Ok(kept) if kept.verifier == verifier => Some((kept.spool, kept.folder)),
        Ok(_) => {
            tracing::warn!("what another verifier counted of usage is not reported");
            None
        }
        Err(_) => {
            tracing::error!("what an earlier process counted of usage is not in a form that can be read");
            None
        }
    }
}
