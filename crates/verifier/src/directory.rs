//! The issuer's list of keys, as a verifier follows it: in memory, with a bound on how old it may be.

mod answer;
mod line;
mod lines;
mod table;

pub(crate) use answer::cut;
pub use answer::{Applied, DirectoryAnswer, Misread};
pub use line::{
    DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySettings, DirectorySynced, DirectoryTenant, PublicKey,
};
pub(crate) use table::KnownKey;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, JwkSet, KeyId, Origin};

use self::table::Table;
use crate::ambient::Moment;

/// By how much news may be later than the moment of a decision that was being made when they came.
const OVERTAKEN: Duration = Duration::from_secs(1);

/// The keys that there are, what they may do, and which of them were revoked.
///
/// Lines come in with [`apply`](Self::apply), from wherever. Who looks a key up gets it only as long as the directory
/// was complete no longer ago than its `max_staleness`: beyond that a key may have been revoked without a word of it
/// having come here, and the look-up fails.
#[derive(Debug)]
pub struct Directory {
    state: RwLock<State>,
    max_staleness: Duration,
    #[cfg(feature = "server")]
    completed: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    table: Table,
    position: Position,
    /// When nothing was missing.
    complete_at: Option<Moment>,
    /// A whole new table that is on its way; the one in use stays until that is complete.
    next: Option<(Table, Position)>,
    /// Tables of before, which are freed when nobody waits for it.
    replaced: Vec<Table>,
}

/// How far in which history of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Names the history.
    pub history: String,
    /// The revision that is here, and all before it.
    pub revision: u64,
}

impl Directory {
    /// After a revocation no verifier accepts the key for longer than this by default.
    pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(10);

    /// An empty directory, which answers nothing before it has been complete once.
    pub fn new(max_staleness: Duration) -> Self {
        Self {
            state: RwLock::default(),
            max_staleness,
            #[cfg(feature = "server")]
            completed: tokio::sync::Notify::new(),
        }
    }

    /// How old it may be before it answers nothing.
    pub fn max_staleness(&self) -> Duration {
        self.max_staleness
    }

    /// Takes over lines in the order in which the issuer wrote them. Those that came since `asked_at`, when the issuer
    /// was asked for them, say when they were true.
    ///
    /// Fails with [`ErrorCode::KeysUnavailable`] for lines that do not fit what is here: then ask again, from
    /// [`position`](Self::position) on.
    pub fn apply(&self, lines: impl IntoIterator<Item = DirectoryLine>, asked_at: Moment) -> Result<(), Error> {
        let (applied, replaced) = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            (lines.into_iter().try_for_each(|line| state.apply(line, asked_at)), std::mem::take(&mut state.replaced))
        };
        // A million keys take a while to be freed: not while others wait to look one up.
        drop(replaced);
        #[cfg(feature = "server")]
        self.completed.notify_waiters();
        applied
    }

    /// Waits until it was complete at a moment that will do.
    #[cfg(feature = "server")]
    pub async fn wait_for(&self, is_enough: impl Fn(&Moment) -> bool) {
        loop {
            let notified = self.completed.notified();
            if self.complete_at().is_some_and(|at| is_enough(&at)) {
                return;
            }
            notified.await;
        }
    }

    /// Where to go on from.
    pub fn position(&self) -> Position {
        self.read(|state| state.position.clone())
    }

    /// How long ago nothing was missing; `None` if it never was complete, or if the clock was set back behind that.
    pub fn age(&self, now: &Moment) -> Option<Duration> {
        self.read(|state| state.age(now))
    }

    /// Takes it for one that never was complete, if the clock was set back: then what comes next says when it was true.
    pub(crate) fn forget_what_is_to_come(&self, now: &Moment) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.age(now).is_none() {
            state.complete_at = None;
        }
    }

    /// When nothing was missing.
    pub fn complete_at(&self) -> Option<Moment> {
        self.read(|state| state.complete_at)
    }

    /// How many keys it holds, in whatever state.
    pub fn len(&self) -> usize {
        self.read(|state| state.table.len())
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What holds for all keys, as the issuer last said.
    pub fn settings(&self) -> Option<Arc<DirectorySettings>> {
        self.read(|state| state.table.settings().cloned())
    }

    /// The issuer's public keys, as it last said.
    pub fn keys(&self) -> Arc<JwkSet> {
        self.read(|state| Arc::clone(state.table.keys()))
    }

    /// Whether some key may be used by pages of this origin.
    pub fn allows(&self, origin: &Origin) -> bool {
        self.read(|state| state.table.allows(origin))
    }

    /// The key, whatever its state. Fails with [`ErrorCode::DirectoryStale`].
    pub(crate) fn find(&self, key: KeyId, now: &Moment) -> Result<Option<KnownKey>, Error> {
        self.read(|state| state.check_fresh(self.max_staleness, now).map(|()| state.table.find(key)))
    }

    /// Fails with [`ErrorCode::DirectoryStale`] where [`find`](Self::find) would.
    pub(crate) fn check_fresh(&self, now: &Moment) -> Result<(), Error> {
        self.read(|state| state.check_fresh(self.max_staleness, now))
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// How old it is cannot be said where the monotonic clock was set back, as it can be where a platform has one clock.
    fn age(&self, now: &Moment) -> Option<Duration> {
        let at = self.complete_at.filter(|at| at.monotonic <= now.monotonic + OVERTAKEN)?;
        Some(now.since(&at))
    }

    fn check_fresh(&self, max_staleness: Duration, now: &Moment) -> Result<(), Error> {
        if self.age(now).is_some_and(|age| age <= max_staleness) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::DirectoryStale, "it is too long ago that the issuer said which keys are revoked"))
    }

    fn apply(&mut self, line: DirectoryLine, asked_at: Moment) -> Result<(), Error> {
        let misfit = |detail| Err(Error::new(ErrorCode::KeysUnavailable, detail));
        match line {
            DirectoryLine::Begin(begin) if begin.since == 0 => {
                let position = Position { history: begin.history, revision: 0 };
                let given_up = self.next.replace((Table::default(), position));
                self.replaced.extend(given_up.map(|(table, _)| table));
            }
            DirectoryLine::Begin(begin) => {
                self.replaced.extend(self.next.take().map(|(table, _)| table));
                if begin.history != self.position.history || begin.since > self.position.revision {
                    return misfit("the directory goes on from elsewhere");
                }
            }
            DirectoryLine::Synced(synced) => {
                if let Some((table, position)) = self.next.take() {
                    self.replaced.push(std::mem::replace(&mut self.table, table));
                    self.position = position;
                    self.complete_at = None;
                }
                if synced.revision < self.position.revision {
                    return misfit("the directory has gone back");
                }
                self.position.revision = synced.revision;
                let at = asked_at.plus(Duration::from_millis(synced.after_ms));
                // Of two that overtook each other, the later one counts.
                if self.complete_at.is_none_or(|known| at.monotonic > known.monotonic) {
                    self.complete_at = Some(at);
                }
            }
            line => match &mut self.next {
                Some((table, _)) => table.apply(line)?,
                None => self.table.apply(line)?,
            },
        }
        Ok(())
    }
}
