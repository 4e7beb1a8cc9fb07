//! The clock that nobody sets: how long ago this machine was started. It goes on while the machine sleeps.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Linux gives the time since the start in hundredths of a second, rounded down.
const GRAIN: Duration = Duration::from_millis(10);
/// A UUID has 36.
const MAX_ID_LEN: usize = 64;

/// A time on that clock, of which each start of the machine has another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinceBoot {
    /// Which start.
    id: String,
    /// How long ago it was, in milliseconds.
    at_ms: u64,
}

/// Where it is read: a folder like Linux's `/proc`.
#[derive(Clone, Debug)]
pub(super) struct BootClock(PathBuf);

impl BootClock {
    pub(super) fn new(proc: PathBuf) -> Self {
        Self(proc)
    }

    /// What it says; `None` where there is no such clock.
    pub(super) fn now(&self) -> Option<SinceBoot> {
        let id = fs::read_to_string(self.0.join("sys/kernel/random/boot_id")).ok()?;
        let uptime = fs::read_to_string(self.0.join("uptime")).ok()?;
        SinceBoot::parse(&id, &uptime)
    }
}

impl SinceBoot {
    fn parse(id: &str, uptime: &str) -> Option<Self> {
        let id = id.trim();
        let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        let at_ms = u64::try_from(Duration::try_from_secs_f64(seconds).ok()?.as_millis()).ok()?;
        ((1..=MAX_ID_LEN).contains(&id.len())).then(|| Self { id: id.to_owned(), at_ms })
    }

    /// So much later.
    pub(super) fn plus(&self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { id: self.id.clone(), at_ms: self.at_ms.saturating_add(ms) }
    }

    /// How long ago `earlier` was, at least; `None` if that was before another start.
    pub(super) fn since(&self, earlier: &Self) -> Option<Duration> {
        let ms = self.at_ms.checked_sub(earlier.at_ms).filter(|_| self.id == earlier.id)?;
        // Never younger than it is.
        Some(Duration::from_millis(ms) + GRAIN)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::{BootClock, SinceBoot};

    #[test]
    fn what_linux_says_is_read_and_nothing_else() {
        let proc = tempfile::tempdir().unwrap();
        let clock = BootClock::new(proc.path().to_owned());
        assert_eq!(clock.now(), None);
        fs::create_dir_all(proc.path().join("sys/kernel/random")).unwrap();
        fs::write(proc.path().join("sys/kernel/random/boot_id"), "efcd5cf7-c153\n").unwrap();
        assert_eq!(clock.now(), None);
        fs::write(proc.path().join("uptime"), "17523.14 10569.45\n").unwrap();
        assert_eq!(clock.now(), Some(SinceBoot { id: "efcd5cf7-c153".into(), at_ms: 17_523_140 }));
        for (id, uptime) in
            [("", "1.0 1.0"), ("a", ""), ("a", "-1.0"), ("a", "NaN"), ("a", "x"), (&*"a".repeat(65), "1")]
        {
            assert_eq!(SinceBoot::parse(id, uptime), None, "{id} {uptime}");
        }
    }

    #[test]
    fn it_counts_within_one_start_alone() {
        let at = |id: &str, uptime| SinceBoot::parse(id, uptime).unwrap();
        let earlier = at("a", "10.00");
        assert_eq!(at("a", "12.50").since(&earlier), Some(Duration::from_millis(2510)));
        assert_eq!(at("a", "9.99").since(&earlier), None);
        assert_eq!(at("b", "12.50").since(&earlier), None);
        assert_eq!(at("a", "12.50").since(&earlier.plus(Duration::from_secs(2))), Some(Duration::from_millis(510)));
    }
}
