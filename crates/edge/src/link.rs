//! A verifier's side of its issuer: the directory, the limits of the keys in it, and what they were used for.

use std::time::Duration;

use doorkey_core::{Error, VerifierCredential};
use doorkey_verifier::{
    Accepted, Charged, Directory, Examined, IssuerSigner, Kept, Limits, Moment, Refusal, SecretKeyCache, USAGE_PATH,
};

use crate::following::{Asked, Following, Need};
use crate::options::invalid;
use crate::reporting::{Reporting, UsagePost};

/// What a credential makes possible.
#[derive(Debug)]
pub struct Link {
    signer: IssuerSigner,
    following: Following,
    reporting: Reporting,
    limits: Limits,
    secret_keys: SecretKeyCache,
}

impl Link {
    /// A link that knows nothing yet; `stream` is 12 random bytes.
    pub(crate) fn new(credential: VerifierCredential, max_staleness: Duration, stream: &[u8]) -> Result<Self, Error> {
        let stream = twelve(stream)?;
        Ok(Self {
            signer: IssuerSigner::new(credential, stream),
            following: Following::new(max_staleness, stream),
            reporting: Reporting::new(stream),
            limits: Limits::new(),
            secret_keys: SecretKeyCache::new(SecretKeyCache::DEFAULT_CAPACITY),
        })
    }

    /// Whether the directory is to be asked for before a request is decided.
    pub fn need(&self, now: &Moment) -> Need {
        self.following.need(now)
    }

    /// How long to wait before asking for the sake of a key that is not known, or `None` when it is not worth it; the
    /// request with it came at `came_at`, by the monotonic clock.
    pub fn look_in(&self, came_at: Duration, now: &Moment) -> Option<Duration> {
        self.following.look_in(came_at, now)
    }

    /// What was wrong when the directory was asked for last.
    pub fn trouble(&self) -> Option<&Error> {
        self.following.trouble()
    }

    /// Where the directory is asked for.
    pub fn directory_url(&self, asked: &Asked) -> String {
        format!("{}{}", self.signer.issuer(), asked.target())
    }

    /// Where usage is reported to.
    pub fn usage_url(&self) -> String {
        format!("{}{USAGE_PATH}", self.signer.issuer())
    }

    /// Asks for the directory; what was asked before is not answered any more.
    pub fn ask(&mut self, now: &Moment) -> Result<Asked, Error> {
        self.following.ask(&self.signer, now)
    }

    /// Takes over a piece of the answer. Fails if it cannot be read or does not fit, and then it is over.
    pub fn take(&mut self, asked: &mut Asked, piece: &[u8], now: &Moment) -> Result<(), Error> {
        self.following.take(asked, piece, now)
    }

    /// The answer is over. Fails if it was cut off.
    pub fn end(&mut self, asked: &Asked, now: &Moment) -> Result<(), Error> {
        self.following.end(asked, now)
    }

    /// There was no answer, or it was a refusal; `status` is 0 if nothing came, or it was broken off.
    pub fn refused(&mut self, asked: &Asked, status: u16, document: Option<&[u8]>, now: &Moment) {
        self.following.refused(asked, &self.signer, status, document, now);
    }

    /// The batch to post now, if there is something to tell and it is time.
    pub fn next_report(&mut self, now: &Moment) -> Result<Option<UsagePost>, Error> {
        self.reporting.next(&self.signer, now)
    }

    /// Takes note of what became of a batch; `random` is 12 bytes, and `status` is 0 if there was no answer.
    pub fn note_report(
        &mut self,
        post: &UsagePost,
        status: u16,
        document: Option<&[u8]>,
        random: &[u8],
        now: &Moment,
    ) -> Result<(), Error> {
        self.reporting.note(post, &self.signer, status, document, twelve(random)?, now);
        Ok(())
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.following.directory()
    }

    pub(crate) fn secret_keys(&self) -> &SecretKeyCache {
        &self.secret_keys
    }

    /// Charges a request to its key.
    pub(crate) fn charge(&self, request: &Examined, now: &Moment) -> Result<Charged, Refusal> {
        self.limits.charge_here(request, now)
    }

    /// Counts a request that was let through.
    pub(crate) fn count(&self, accepted: &Accepted, kept: &Kept, now: &Moment) {
        self.reporting.counts().accepted(accepted, kept.shadowed(), now.seconds());
    }

    /// Counts a refusal.
    pub(crate) fn count_refused(&self, refusal: &Refusal, now: &Moment) {
        self.reporting.counts().refused(refusal, now.seconds());
    }
}

fn twelve(random: &[u8]) -> Result<[u8; 12], Error> {
    random.try_into().map_err(|_| invalid("random yields as many bytes as are asked for"))
}
