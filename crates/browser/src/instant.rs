//! The two clocks of a browser, and the server's clock as they tell it.

/// A moment as the page sees it, in milliseconds; both numbers are taken at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instant {
    /// `Date.now()`: often minutes off, and set by hand or by the network at any time.
    pub wall: f64,
    /// `performance.now()`: never set, but in some browsers it stands still while the machine sleeps.
    pub monotonic: f64,
}

/// More than this between the two clocks means that the machine slept or that somebody set the wall clock.
const MAX_DRIFT: f64 = 5_000.0;

/// The server's clock, carried on by the browser's monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerClock {
    read_at: Instant,
    /// What the server's clock said at that moment, in milliseconds.
    server: f64,
}

impl ServerClock {
    /// The server said `server` (Unix milliseconds) in a response that came in at `read_at`.
    pub(crate) fn new(server: f64, read_at: Instant) -> Self {
        Self { read_at, server }
    }

    /// What the server's clock says when the monotonic one says `monotonic`, in Unix milliseconds.
    pub(crate) fn at(&self, monotonic: f64) -> f64 {
        self.server + self.since(monotonic)
    }

    /// How long ago it was read, in milliseconds.
    pub(crate) fn since(&self, monotonic: f64) -> f64 {
        monotonic - self.read_at.monotonic
    }

    /// Whether browser clocks disagree by so much that [`at`](Self::at) cannot be trusted.
    pub(crate) fn has_drifted(&self, now: Instant) -> bool {
        let wall = now.wall - self.read_at.wall;
        let monotonic = now.monotonic - self.read_at.monotonic;
        (wall - monotonic).abs() > MAX_DRIFT
    }
}
