//! What the world provides: the time and chance. Everything else takes them as arguments.

use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// The time since the Unix epoch.
    fn since_epoch(&self) -> Duration;

    /// The time since some start, which nobody can set back.
    fn monotonic(&self) -> Duration {
        self.since_epoch()
    }

    /// Both at once.
    fn moment(&self) -> Moment {
        Moment { wall: self.since_epoch(), monotonic: self.monotonic() }
    }

    /// Unix seconds.
    fn now(&self) -> u64 {
        self.since_epoch().as_secs()
    }
}

/// A point in time on both clocks of a machine: the one on the wall can be set, the other may stand still while the
/// machine sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Since the Unix epoch.
    pub wall: Duration,
    /// Since some start.
    pub monotonic: Duration,
}

impl Moment {
    /// Unix seconds.
    pub fn seconds(&self) -> u64 {
        self.wall.as_secs()
    }

    /// How long ago `earlier` was, by the clock that says more.
    pub fn since(&self, earlier: &Self) -> Duration {
        let wall = self.wall.saturating_sub(earlier.wall);
        wall.max(self.monotonic.saturating_sub(earlier.monotonic))
    }

    /// So much later.
    pub fn plus(&self, duration: Duration) -> Self {
        Self { wall: self.wall + duration, monotonic: self.monotonic + duration }
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// Yields random bytes that nobody can predict.
pub trait Entropy: Debug + Send + Sync {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's random source.
#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

#[cfg(feature = "server")]
impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without randomness nothing here may go on")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
