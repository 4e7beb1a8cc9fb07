//! The last two months that quotas were counted in: a clock that goes wrong, and is put right, drops neither.

use std::collections::HashMap;

use super::charge::Subject;
use super::window::Window;

const KEPT: usize = 2;

/// What belongs to another month than the one that its subject counts in now.
#[derive(Debug, Default)]
pub(super) struct Months {
    /// The latest one last, by when it was counted in and not by the calendar.
    latest: Vec<Window>,
    left: HashMap<Subject, (Window, u64)>,
}

impl Months {
    /// Whether a month is one of the last two.
    pub(super) fn has(&self, month: Window) -> bool {
        self.latest.contains(&month)
    }

    /// Notes that a month is counted in.
    pub(super) fn begin(&mut self, month: Window) {
        if self.latest.last() == Some(&month) {
            return;
        }
        self.latest.retain(|other| *other != month);
        self.latest.push(month);
        if self.latest.len() > KEPT {
            self.latest.remove(0);
        }
        let latest = &self.latest;
        self.left.retain(|_, (month, _)| latest.contains(month));
    }

    /// Keeps what a subject has used of a month that it does not count in now.
    pub(super) fn leave(&mut self, subject: Subject, month: Window, used: u64) {
        if self.has(month) {
            self.left.insert(subject, (month, used));
        }
    }

    /// Takes what a subject has used of a month that it turns to.
    pub(super) fn turn_to(&mut self, subject: Subject, month: Window) -> u64 {
        self.begin(month);
        match self.left.get(&subject) {
            Some(&(of, used)) if of == month => {
                self.left.remove(&subject);
                used
            }
            _ => 0,
        }
    }

    /// The months, the latest one last.
    pub(super) fn latest(&self) -> Vec<Window> {
        self.latest.clone()
    }

    /// What is kept here.
    pub(super) fn left(&self) -> impl Iterator<Item = (Subject, Window, u64)> {
        self.left.iter().map(|(&subject, &(month, used))| (subject, month, used))
    }
}
