//! A verifier's connection to its issuer: it follows the directory, keeps a copy on disk, and reports usage.

mod boot;
mod disk_copy;
mod follow;
mod report;
mod requests;
mod trouble;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, KeyId, Origin, VerifierCredential};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};

use self::boot::BootClock;
use self::disk_copy::{DiskCopy, restore};
use self::follow::Follower;
use self::report::Reporter;
use self::requests::Requests;
use crate::ambient::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::http_client::http_client;
use crate::usage::{Counts, Outcome};

/// How long the issuer may be silent: it says something each second.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often counts are taken over.
const TICK: Duration = Duration::from_secs(1);
/// Where Linux says how long ago the machine was started.
const PROC: &str = "/proc";
/// The file in the data folder that is held while it is in use.
const LOCK: &str = "lock";
/// How long telling the last may take.
const CLOSE: Duration = Duration::from_secs(5);

/// How a verifier is connected to its issuer.
///
/// ```no_run
/// use doorkey_verifier::{IssuerClient, VerifierCredential};
///
/// # async fn connect(text: &str) -> Result<(), doorkey_verifier::Error> {
/// let credential = VerifierCredential::parse(text)?;
/// let link = IssuerClient::new(credential).with_data("/var/lib/my-api/doorkey".into()).connect().await?;
/// link.synced().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct IssuerClient {
    credential: VerifierCredential,
    url: Option<Origin>,
    data: Option<PathBuf>,
    max_staleness: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    boot: BootClock,
    patience: Duration,
    tick: Duration,
}

impl IssuerClient {
    /// A connection to the issuer that the credential names. Nothing is kept on disk.
    pub fn new(credential: VerifierCredential) -> Self {
        Self {
            credential,
            url: None,
            data: None,
            max_staleness: Directory::DEFAULT_MAX_STALENESS,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            boot: BootClock::new(PROC.into()),
            patience: PATIENCE,
            tick: TICK,
        }
    }

    /// Reaches the issuer at another address than the one that keys name.
    pub fn with_url(self, url: Origin) -> Self {
        Self { url: Some(url), ..self }
    }

    /// Keeps the directory, and the usage that was not reported yet, in a folder of this process's own.
    ///
    /// What a process finds there is as old as the clock on the wall says, or as the time since the machine was started,
    /// whichever is more. After another start of the machine it is too old in any case: a clock that comes up behind must
    /// not make it look fresh. Only Linux tells of its starts; elsewhere the clock on the wall decides alone, and has to
    /// be right.
    pub fn with_data(self, folder: PathBuf) -> Self {
        Self { data: Some(folder), ..self }
    }

    /// How old the directory may be before it answers nothing; ten seconds without this.
    pub fn with_max_staleness(self, max_staleness: Duration) -> Self {
        Self { max_staleness, ..self }
    }

    /// Tells the time by another clock.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Takes randomness from elsewhere.
    pub fn with_entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Where it is read how long ago the machine was started, in place of Linux's `/proc`.
    #[doc(hidden)]
    pub fn with_proc(self, proc: PathBuf) -> Self {
        Self { boot: BootClock::new(proc), ..self }
    }

    /// How long the issuer may be silent before the connection is given up; five seconds without this.
    #[doc(hidden)]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How often counts are taken over, and a fifth of how often they are reported; one second without this.
    #[doc(hidden)]
    pub fn with_tick(self, tick: Duration) -> Self {
        Self { tick, ..self }
    }

    /// Reads what is on disk and begins to follow; the issuer is not waited for. Needs a tokio runtime.
    ///
    /// Fails with [`ErrorCode::InsecureTransport`] for a URL without TLS off loopback, with
    /// [`ErrorCode::StoreUnavailable`] if the folder cannot be written to, with [`ErrorCode::Conflict`] if another process
    /// works in it, and with [`ErrorCode::KeysUnavailable`] if this machine's certificate store cannot be used.
    pub async fn connect(self) -> Result<IssuerLink, Error> {
        let url = self.url.unwrap_or_else(|| self.credential.issuer());
        if !url.is_secure() && !url.is_loopback() {
            return Err(Error::new(ErrorCode::InsecureTransport, "the issuer's URL has no TLS"));
        }
        let (clock, entropy) = (self.clock, self.entropy);
        let client = http_client(&url)?;
        let requests = Requests::new(client, self.credential, url, Arc::clone(&clock), &*entropy, self.patience);
        let requests = Arc::new(requests);
        let directory = Arc::new(Directory::new(self.max_staleness));
        let counts = Arc::new(Counts::default());

        let (copy, reporter) = {
            let (requests, directory, counts) = (requests.clone(), directory.clone(), counts.clone());
            let (clock, entropy) = (clock.clone(), entropy.clone());
            let (data, boot) = (self.data, self.boot);
            let open = move || {
                let folder = data.map(|path| Folder::open(&path, LOCK)).transpose()?.map(Arc::new);
                let copy = folder.clone().map(|folder| {
                    let issuer = requests.issuer();
                    let restored = restore(&folder, &issuer, &directory, &clock.moment(), boot.now().as_ref());
                    DiskCopy::start(folder, issuer, restored, clock.clone(), boot)
                });
                Ok((copy.transpose()?, Reporter::open(requests, counts, folder, clock, entropy)))
            };
            let broken_off = |_| Err(Error::new(ErrorCode::StoreUnavailable, "reading the data folder was broken off"));
            spawn_blocking(open).await.unwrap_or_else(broken_off)?
        };
        let is_fresh = directory.age(&clock.moment()).is_some_and(|age| age <= directory.max_staleness());
        let (synced, is_synced) = watch::channel(is_fresh);
        let (closing, is_closing) = watch::channel(false);
        let follower = Follower::new(requests, directory.clone(), copy, clock, entropy, synced);
        let tasks = [
            Task::begin("following the directory", follower.run(is_closing.clone())),
            Task::begin("reporting usage", reporter.run(is_closing, self.tick)),
        ];
        let tasks = Mutex::new(tasks.into());
        Ok(IssuerLink(Arc::new(Link { directory, counts, synced: is_synced, closing, tasks })))
    }
}

/// A verifier's connection to its issuer, as [`IssuerClient::connect`] makes it. It ends with the last of its clones.
#[derive(Clone, Debug)]
pub struct IssuerLink(Arc<Link>);

#[derive(Debug)]
struct Link {
    directory: Arc<Directory>,
    counts: Arc<Counts>,
    synced: watch::Receiver<bool>,
    closing: watch::Sender<bool>,
    tasks: Mutex<Vec<Task>>,
}

impl IssuerLink {
    /// The issuer's list of keys.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.0.directory
    }

    /// What keys were used for, for the issuer to be told.
    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Counts a request that used a key, for the issuer to be told; `now` is in Unix seconds.
    #[doc(hidden)]
    pub fn note(&self, key: KeyId, outcome: Outcome, now: u64) {
        self.0.counts.note(key, outcome, now);
    }

    /// Waits until the directory was complete and fresh once, or the connection is closed. A copy on disk that is fresh
    /// enough is as good as the issuer's word.
    pub async fn synced(&self) {
        let _ = self.0.synced.clone().wait_for(|synced| *synced).await;
    }

    /// Writes and reports what is left, within five seconds, and ends the connection for all of its clones.
    pub async fn close(self) {
        self.0.closing.send_replace(true);
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let (done, ends): (Vec<_>, Vec<_>) = tasks.into_iter().map(|task| (task.done, task.end)).unzip();
        let all = async {
            for done in done {
                let _ = done.await;
            }
        };
        if tokio::time::timeout(CLOSE, all).await.is_err() {
            tracing::warn!("the connection to the issuer was not closed in time");
            ends.iter().for_each(AbortHandle::abort);
        }
    }
}

/// Waits until the connection is to end.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|is_closing| *is_closing).await;
}

/// A task that must not end in silence.
#[derive(Debug)]
struct Task {
    done: JoinHandle<()>,
    end: AbortHandle,
}

impl Task {
    fn begin(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        let work = tokio::spawn(work);
        let end = work.abort_handle();
        let done = tokio::spawn(async move {
            if work.await.is_err_and(|error| error.is_panic()) {
                tracing::error!("{name} has broken down");
            }
        });
        Self { done, end }
    }
}
