use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use doorkey_core::{OrganizationId, Origin};
use tokio::sync::oneshot;

use super::file::{CopyFile, Entry};
use super::writer::Writer;
use super::{DiskCopy, FIRST_REST, QUEUE, restore};
use crate::ambient::{Clock, Moment};
use crate::directory::{Directory, DirectoryBegin, DirectoryLine, DirectoryTenant, Position};
use crate::folder::Folder;
use crate::issuer_client::LOCK;
use crate::issuer_client::boot::{BootClock, SinceBoot};

#[derive(Debug, Default)]
struct Seconds(AtomicU64);

impl Clock for Seconds {
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn issuer() -> Origin {
    "https://keys.example.com".parse().unwrap()
}

fn at(revision: u64) -> Position {
    Position { history: "h".into(), revision }
}

fn begin(since: u64) -> DirectoryBegin {
    DirectoryBegin { history: "h".into(), since }
}

fn line(number: u64) -> Vec<u8> {
    let tenant = DirectoryTenant { id: OrganizationId::from_parts(number, [0; 10]), archived: true };
    let mut line = serde_json::to_vec(&DirectoryLine::Organization(tenant)).unwrap();
    line.push(b'\n');
    line
}

/// Where the time since the machine was started is read.
fn proc(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("proc")
}

/// A copy whose disk is as slow as the test wants.
struct Slow {
    copy: DiskCopy,
    queue: Receiver<Entry>,
    writer: Writer,
    clock: Arc<Seconds>,
    folder: Arc<Folder>,
    temporary: tempfile::TempDir,
}

impl Slow {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(temporary.path(), LOCK).unwrap());
        let clock = Arc::new(Seconds::default());
        let (entries, queue) = sync_channel(QUEUE);
        let writer = Writer::new(Arc::clone(&folder), issuer(), None);
        let copy = DiskCopy::new(
            entries,
            oneshot::channel().1,
            writer.shared(),
            clock.clone(),
            BootClock::new(proc(&temporary)),
        );
        Self { copy, queue, writer, clock, folder, temporary }
    }

    fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// The disk catches up.
    fn write(&mut self) {
        while let Ok(entry) = self.queue.try_recv() {
            self.writer.note(entry);
        }
    }

    /// The machine was started with this name, so long ago.
    fn boots(&self, id: &str, uptime: u64) -> Option<SinceBoot> {
        let proc = proc(&self.temporary);
        fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
        fs::write(proc.join("sys/kernel/random/boot_id"), format!("{id}\n")).unwrap();
        fs::write(proc.join("uptime"), format!("{uptime}.00 1.00\n")).unwrap();
        BootClock::new(proc).now()
    }

    /// How old the copy is to another process, if that can be said.
    fn age(&self, wall: u64, boot: Option<&SinceBoot>) -> Option<u64> {
        let directory = Directory::new(Duration::from_secs(10));
        let now = Moment { wall: Duration::from_secs(wall), monotonic: Duration::from_secs(1_000_000) };
        restore(&self.folder, &issuer(), &directory, &now, boot).unwrap();
        directory.age(&now).map(|age| age.as_secs()).filter(|&age| age < wall.min(1_000_000))
    }

    /// What another process would find.
    fn restored(&self) -> Option<(Position, u64)> {
        let directory = Directory::new(Duration::from_secs(10));
        let now = Moment { wall: Duration::from_secs(1_000_000), monotonic: Duration::from_secs(1_000_000) };
        let copy: Option<CopyFile> = restore(&self.folder, &issuer(), &directory, &now, None);
        copy.map(|copy| (copy.position, directory.complete_at().unwrap().seconds()))
    }
}

#[test]
fn what_the_disk_had_no_room_for_is_told_again() {
    let mut slow = Slow::new();
    assert_eq!(slow.copy.resume_from(Position::default()), Position::default());
    slow.copy.begin(&begin(0));
    slow.copy.lines(line(1));
    slow.copy.complete(1, Duration::from_secs(100), Duration::ZERO);
    slow.write();
    assert_eq!(slow.restored(), Some((at(1), 100)));

    // One more than there is room for: nothing that comes later is noted as complete.
    for number in 0..=QUEUE as u64 {
        slow.copy.lines(line(number));
    }
    slow.write();
    slow.advance(Duration::from_secs(5));
    slow.copy.lines(line(99));
    slow.copy.complete(2, Duration::from_secs(222), Duration::ZERO);
    slow.write();
    assert_eq!(slow.restored(), Some((at(1), 100)));

    // For a while the issuer is not bothered with it, and what it says is not taken for the rest.
    assert_eq!(slow.copy.resume_from(at(2)), at(2));
    slow.copy.begin(&begin(2));
    slow.copy.complete(3, Duration::from_secs(333), Duration::ZERO);
    slow.write();
    assert_eq!(slow.restored(), Some((at(1), 100)));

    slow.advance(FIRST_REST);
    assert_eq!(slow.copy.resume_from(at(3)), at(1));
    slow.copy.begin(&begin(1));
    slow.copy.lines(line(99));
    slow.copy.complete(4, Duration::from_secs(400), Duration::ZERO);
    slow.write();
    assert_eq!(slow.restored(), Some((at(4), 400)));
    assert_eq!(slow.copy.resume_from(at(4)), at(4), "it is whole again");
}

#[test]
fn a_stream_that_goes_on_from_elsewhere_is_not_kept() {
    let mut slow = Slow::new();
    slow.copy.resume_from(at(5));
    slow.copy.begin(&begin(5));
    slow.copy.complete(6, Duration::from_secs(100), Duration::ZERO);
    slow.write();
    assert_eq!(slow.restored(), None);
    slow.copy.resume_from(at(6));
    slow.advance(FIRST_REST);
    assert_eq!(slow.copy.resume_from(at(6)), Position::default(), "there is no copy to go on with");
}

#[test]
fn completeness_is_noted_once_a_second_and_at_the_end() {
    let mut slow = Slow::new();
    slow.copy.resume_from(Position::default());
    slow.copy.begin(&begin(0));
    for (revision, at) in [(1, 100), (2, 101), (3, 102)] {
        slow.copy.complete(revision, Duration::from_secs(at), Duration::ZERO);
    }
    slow.write();
    assert_eq!(slow.restored(), Some((at(1), 100)));
    slow.copy.resume_from(at(3));
    slow.write();
    assert_eq!(slow.restored(), Some((at(3), 102)));
}

#[test]
fn a_copy_is_as_old_as_the_clock_says_that_says_more_and_fresh_within_one_start_alone() {
    let mut slow = Slow::new();
    slow.boots("first", 500);
    slow.copy.resume_from(Position::default());
    slow.copy.begin(&begin(0));
    slow.copy.complete(1, Duration::from_secs(10_000), Duration::from_secs(4));
    slow.write();
    let age = |wall, id, uptime| slow.age(wall, slow.boots(id, uptime).as_ref());
    assert_eq!(age(10_003, "first", 504), Some(3));
    assert_eq!(age(10_003, "first", 604), Some(100), "the clock on the wall was set back");
    assert_eq!(age(10_300, "first", 504), Some(300));
    assert_eq!(age(9_999, "first", 505), None, "complete in the future");
    assert_eq!(age(10_003, "first", 503), None);
    assert_eq!(age(10_003, "second", 506), None, "after another start the clock on the wall may be behind");
    assert_eq!(slow.age(10_003, None), None);
}

#[test]
fn where_no_start_is_told_of_the_clock_on_the_wall_decides() {
    let mut slow = Slow::new();
    slow.copy.resume_from(Position::default());
    slow.copy.begin(&begin(0));
    slow.copy.complete(1, Duration::from_secs(10_000), Duration::ZERO);
    slow.write();
    assert_eq!(slow.age(10_003, None), Some(3));
    assert_eq!(slow.age(10_003, slow.boots("first", 500).as_ref()), None);
}
