//! The stretches of time that limits count in.

use time::OffsetDateTime;

const DAY: u64 = 86_400;

/// From `begin` to before `end`, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Window {
    /// The one of `period` seconds that `now` is in: they begin at whole multiples since the epoch.
    pub(super) fn periodic(period: u64, now: u64) -> Self {
        let begin = now - now % period.max(1);
        Self { begin, end: begin.saturating_add(period) }
    }

    /// The calendar month in UTC.
    pub(super) fn month(now: u64) -> Self {
        let date = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
        // A clock that is past the year 9999 has all the time there is.
        let Some(date) = date else { return Self { begin: 0, end: u64::MAX } };
        let begin = now - now % DAY - u64::from(date.day() - 1) * DAY;
        Self { begin, end: begin + u64::from(date.month().length(date.year())) * DAY }
    }

    pub(super) fn length(self) -> u64 {
        self.end - self.begin
    }

    /// How much of it is left.
    pub(super) fn rest(self, now: u64) -> u64 {
        self.end.saturating_sub(now)
    }

    /// Whether what happens at `now` counts in it: also if it should not have begun yet, for threads overtake each other
    /// and clocks are set back; but not if it is more than its own length away, nor a
    /// month that is more than a day away.
    pub(super) fn counts(self, now: u64) -> bool {
        now < self.end && now.saturating_add(self.length().min(DAY)) >= self.begin
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, Window};

    #[test]
    fn months_are_those_of_the_calendar() {
        let month = |now, begin, days| {
            let window = Window::month(now);
            assert_eq!((window.begin, window.length()), (begin, days * DAY), "{now}");
        };
        month(0, 0, 31);
        // 2024 is a leap year, 2023 and 2100 are not, 2000 is.
        month(1_709_164_800, 1_706_745_600, 29);
        month(1_709_251_199, 1_706_745_600, 29);
        month(1_709_251_200, 1_709_251_200, 31);
        month(1_677_542_400, 1_675_209_600, 28);
        month(4_107_456_000, 4_105_123_200, 28);
        month(951_782_400, 949_363_200, 29);
        // The last second of a year, and the first.
        month(1_767_225_599, 1_764_547_200, 31);
        month(1_767_225_600, 1_767_225_600, 31);
        assert!(Window::month(u64::MAX).counts(u64::MAX - 1));
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let mut window = Window::month(0);
        while window.begin < 8_000_000_000 {
            let next = Window::month(window.end);
            assert_eq!(next.begin, window.end);
            assert_eq!(Window::month(window.end - 1), window);
            window = next;
        }
    }

    #[test]
    fn a_window_counts_what_comes_a_little_early() {
        let window = Window::periodic(60, 125);
        assert_eq!(window, Window { begin: 120, end: 180 });
        assert!(window.counts(120) && window.counts(179) && window.counts(119) && window.counts(60));
        assert!(!window.counts(180) && !window.counts(59));
    }
}
