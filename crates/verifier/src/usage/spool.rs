use std::collections::BTreeMap;

use doorkey_core::KeyId;
use serde::{Deserialize, Serialize};

use super::{Outcome, ReportAnswer, UsageCount, UsageReport};

/// What was counted and is not known to have come to the issuer.
///
/// A batch that is on its way stays as it is until the issuer has taken it: sent again with its number, it is counted
/// once, however often an answer is lost. So whoever keeps a spool keeps it before each sending.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    /// Names this series of batches.
    series: String,
    /// How many batches of it the issuer has taken.
    taken: u64,
    on_its_way: Option<UsageReport>,
    #[serde(with = "counts")]
    waiting: BTreeMap<Slot, Counted>,
    /// Counts for which there was no room.
    dropped: u64,
}

/// Oldest first.
type Slot = (u64, KeyId, Outcome);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    count: u64,
    last_at: u64,
}

impl Spool {
    /// The most different counts that wait while the issuer is away.
    pub const MAX: usize = 200_000;

    /// An empty spool; `series` is random, 16 characters of base64url.
    pub fn new(series: String) -> Self {
        Self { series, taken: 0, on_its_way: None, waiting: BTreeMap::new(), dropped: 0 }
    }

    /// Adds counts to those that wait; what finds no room is dropped, and counted.
    pub fn add(&mut self, counts: impl IntoIterator<Item = UsageCount>) {
        for count in counts {
            let slot = (count.hour, count.key, count.outcome);
            if self.waiting.len() >= Self::MAX && !self.waiting.contains_key(&slot) {
                self.dropped = self.dropped.saturating_add(count.count);
                continue;
            }
            let counted = self.waiting.entry(slot).or_default();
            counted.count = counted.count.saturating_add(count.count);
            counted.last_at = counted.last_at.max(count.last_at);
        }
    }

    /// The batch to send next: the one that is on its way, else a new one; `None` if there is nothing to tell.
    pub fn next_report(&mut self) -> Option<&UsageReport> {
        if self.on_its_way.is_none() && !self.waiting.is_empty() {
            let first = std::iter::from_fn(|| self.waiting.pop_first());
            let counts = first.take(UsageReport::MAX).map(to_count).collect();
            let report = UsageReport { spool: self.series.clone(), sequence: self.taken + 1, counts };
            self.on_its_way = Some(report);
        }
        self.on_its_way.as_ref()
    }

    /// Takes note of what became of the batch that is on its way; `series` makes the name of the next series, where one
    /// begins. Yields how many requests a batch had counted that the issuer will never take.
    pub fn answered(&mut self, answer: &ReportAnswer, series: impl FnOnce() -> String) -> u64 {
        match answer {
            ReportAnswer::Taken => self.is_taken(),
            ReportAnswer::OutOfOrder => self.renumber(series()),
            ReportAnswer::Unusable(_) => return self.give_up(series()),
            ReportAnswer::Later(_) => {}
        }
        0
    }

    /// The issuer has taken the batch that is on its way.
    fn is_taken(&mut self) {
        if self.on_its_way.take().is_some() {
            self.taken += 1;
        }
    }

    /// The issuer waits for another number: the same batch becomes the first of a new series.
    pub fn renumber(&mut self, series: String) {
        if let Some(report) = &mut self.on_its_way {
            (report.spool, report.sequence) = (series.clone(), 1);
        }
        (self.series, self.taken) = (series, 0);
    }

    /// The issuer will never take the batch that is on its way. What follows is a new series, so that no number ever
    /// stands for two batches. Yields how many requests it had counted.
    fn give_up(&mut self, series: String) -> u64 {
        let report = self.on_its_way.take();
        (self.series, self.taken) = (series, 0);
        report.map_or(0, |report| report.counts.iter().fold(0, |sum, count| sum.saturating_add(count.count)))
    }

    /// Whether there is a batch on its way.
    pub fn is_on_its_way(&self) -> bool {
        self.on_its_way.is_some()
    }

    /// Whether there is a whole batch to tell.
    pub fn has_much(&self) -> bool {
        self.waiting.len() >= UsageReport::MAX
    }

    /// Whether all was told.
    pub fn is_empty(&self) -> bool {
        self.on_its_way.is_none() && self.waiting.is_empty()
    }

    /// How many requests were counted and dropped for want of room, since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

fn to_count(((hour, key, outcome), counted): (Slot, Counted)) -> UsageCount {
    UsageCount { key, hour, outcome, count: counted.count, last_at: counted.last_at }
}

/// The counts as a list: JSON has no keys of three parts.
mod counts {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Counted, Slot, UsageCount, to_count};

    pub(super) fn serialize<S: Serializer>(counts: &BTreeMap<Slot, Counted>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(counts.iter().map(|(slot, counted)| to_count((*slot, *counted))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Slot, Counted>, D::Error> {
        let counts = <Vec<UsageCount>>::deserialize(deserializer)?;
        let slot = |count: UsageCount| {
            ((count.hour, count.key, count.outcome), Counted { count: count.count, last_at: count.last_at })
        };
        Ok(counts.into_iter().map(slot).collect())
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{Error, ErrorCode, KeyId};

    use super::{Outcome, ReportAnswer, Spool, UsageCount, UsageReport};

    fn count(key: u64, hour: u64, count: u64) -> UsageCount {
        let key = KeyId::from_parts(key, [0; 10]);
        UsageCount { key, hour, outcome: Outcome::Accepted, count, last_at: hour + count }
    }

    fn spool() -> Spool {
        Spool::new("AAAAAAAAAAAAAAAA".into())
    }

    #[test]
    fn counts_of_one_slot_are_one() {
        let mut spool = spool();
        let refused = UsageCount { outcome: Outcome::Refused(ErrorCode::IpNotAllowed), ..count(1, 0, 5) };
        spool.add([count(1, 3600, 1), count(1, 0, 2), count(1, 0, 3), refused.clone()]);
        let report = spool.next_report().unwrap();
        assert_eq!(report.counts, [UsageCount { last_at: 3, ..count(1, 0, 5) }, refused, count(1, 3600, 1)]);
    }

    #[test]
    fn a_batch_stays_as_it_is_until_it_is_taken() {
        let mut spool = spool();
        assert_eq!(spool.next_report(), None);
        spool.add([count(1, 0, 1)]);
        let first = spool.next_report().unwrap().clone();
        spool.add([count(1, 0, 1), count(2, 0, 1)]);
        assert_eq!(spool.next_report(), Some(&first));
        let mut read: Spool = serde_json::from_slice(&serde_json::to_vec(&spool).unwrap()).unwrap();
        assert_eq!(read, spool);
        assert_eq!(read.next_report(), Some(&first));
        read.is_taken();
        read.is_taken();
        let second = read.next_report().unwrap();
        assert_eq!((second.sequence, second.counts.len()), (2, 2));
        assert_eq!(second.spool, first.spool);
    }

    #[test]
    fn no_number_stands_for_two_batches() {
        let mut spool = spool();
        spool.add([count(1, 0, 7)]);
        let first = spool.next_report().unwrap().clone();
        spool.answered(&ReportAnswer::OutOfOrder, || "BBBBBBBBBBBBBBBB".into());
        let again = spool.next_report().unwrap().clone();
        assert_eq!((again.spool.as_str(), again.sequence, again.counts), ("BBBBBBBBBBBBBBBB", 1, first.counts));
        spool.is_taken();
        spool.add([count(1, 0, 7), count(2, 0, 1)]);
        assert_eq!(spool.next_report().unwrap().sequence, 2);
        let never = ReportAnswer::Unusable(Error::new(ErrorCode::InvalidInput, "no"));
        assert_eq!(spool.answered(&never, || "CCCCCCCCCCCCCCCC".into()), 8);
        assert!(spool.is_empty());
        spool.add([count(1, 0, 1)]);
        let report = spool.next_report().unwrap();
        assert_eq!((report.spool.as_str(), report.sequence), ("CCCCCCCCCCCCCCCC", 1));
    }

    #[test]
    fn what_waits_has_a_bound() {
        let mut spool = spool();
        let max = Spool::MAX as u64;
        spool.add((0..max + 10).map(|key| count(key, 0, 2)));
        spool.add([count(0, 0, 1)]);
        assert_eq!((spool.take_dropped(), spool.take_dropped()), (20, 0));
        let report = spool.next_report().unwrap();
        assert_eq!((report.counts.len(), report.counts[0].count), (UsageReport::MAX, 3), "what has a slot goes on");
    }
}
