//! How long decisions take.

use std::time::Duration;

use crate::ambient::Clock;

/// Measures a decision, without its waits for others.
pub(super) struct Watch<'a> {
    clock: &'a dyn Clock,
    since: Duration,
    paused: Duration,
}

impl<'a> Watch<'a> {
    pub(super) fn begin(clock: &'a dyn Clock) -> Self {
        Self { clock, since: clock.monotonic(), paused: Duration::ZERO }
    }

    /// Waits for somebody else.
    pub(super) async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let since = self.clock.monotonic();
        let done = wait.await;
        self.paused += self.clock.monotonic().saturating_sub(since);
        done
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.since).saturating_sub(self.paused)
    }
}
