//! A verifier's connection to its issuer, over real sockets and on a real disk.

use std::fs;
use std::path::Path;
use std::time::Duration;

use doorkey_core::{Environment, KeyId, KeyKind, OrganizationId};
use doorkey_verifier::{
    Clock, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySettings, DirectorySynced, ErrorCode,
    IssuerClient, IssuerLink, Outcome,
};
use serde_json::json;

use crate::clock::ManualClock;
use crate::issuer::{Issuer, Taking, credential, until};
use crate::signer::NOW;

const PATIENCE: Duration = Duration::from_millis(300);

fn text(line: &DirectoryLine) -> String {
    serde_json::to_string(line).unwrap() + "\n"
}

fn begin(history: &str, since: u64) -> String {
    text(&DirectoryLine::Begin(DirectoryBegin { history: history.into(), since }))
}

fn synced(revision: u64, after_ms: u64) -> String {
    text(&DirectoryLine::Synced(DirectorySynced { revision, after_ms }))
}

fn key_id(number: u64) -> KeyId {
    KeyId::from_parts(number, [1; 10])
}

/// A key that pages of `https://{number}.example` may use.
fn key(number: u64, revoked: bool) -> String {
    text(&DirectoryLine::Key(Box::new(DirectoryKey {
        id: key_id(number),
        kind: KeyKind::Publishable,
        environment: Environment::Live,
        organization: OrganizationId::from_parts(1, [2; 10]),
        workspace: None,
        workspaces: None,
        public_key: None,
        brand: None,
        scopes: "pictures:read".parse().unwrap(),
        origins: vec![page(number).parse().unwrap()],
        cidrs: Vec::new(),
        rate_limit: None,
        monthly_quota: None,
        limits: [].into(),
        shadow: [].into(),
        expires_at: None,
        ends_at: None,
        disabled: false,
        revoked,
    })))
}

fn page(number: u64) -> String {
    format!("https://{number}.example")
}

fn settings() -> String {
    text(&DirectoryLine::Settings(Box::new(DirectorySettings {
        issuer: credential().issuer(),
        jwks: json!({ "keys": [] }),
        reusable_urls: [].into(),
        limits: [].into(),
    })))
}

fn allows(link: &IssuerLink, number: u64) -> bool {
    link.directory().allows(&page(number).parse().unwrap())
}

/// A whole directory with the keys 1 and 2, at revision 2.
fn whole(history: &str) -> String {
    begin(history, 0) + &settings() + &key(1, false) + &key(2, false) + &synced(2, 0)
}

#[tokio::test]
async fn what_the_issuer_says_is_known() {
    let mut issuer = Issuer::start().await;
    let link = issuer.client().connect().await.unwrap();
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=0&history=&follow=true");
    assert!(link.directory().age(&ManualClock::new().moment()).is_none());

    // In pieces that have nothing to do with lines.
    let (one, other) = (whole("h"), 100);
    stream.say(&one[..other]);
    stream.say(&one[other..]);
    link.synced().await;
    assert!(allows(&link, 1) && allows(&link, 2) && link.directory().len() == 2);
    assert!(link.directory().settings().is_some());

    stream.say(&(key(1, true) + &synced(3, 10)));
    until(|| link.directory().position().revision == 3).await;
    assert!(!allows(&link, 1) && allows(&link, 2));
    link.close().await;
}

#[tokio::test]
async fn it_goes_on_where_it_was() {
    let mut issuer = Issuer::start().await;
    let link = issuer.client().connect().await.unwrap();
    let stream = issuer.stream().await;
    stream.say(&whole("h"));
    link.synced().await;
    stream.cut();

    // Cut, ended, and in the middle of a line: no end of a stream loses anything.
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=2&history=h&follow=true");
    stream.say(&(begin("h", 2) + &settings() + &key(1, true) + &synced(3, 0)));
    until(|| link.directory().position().revision == 3).await;
    drop(stream);
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=3&history=h&follow=true");
    stream.say(&(begin("h", 3) + &key(3, false)[..50]));
    drop(stream);
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=3&history=h&follow=true");
    assert!(!allows(&link, 1) && allows(&link, 2) && !allows(&link, 3));

    // Another database: what was known counts until all of the new is there.
    stream.say(&(begin("other", 0) + &settings() + &key(3, false)));
    drop(stream);
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=3&history=h&follow=true");
    stream.say(&(begin("other", 0) + &settings() + &key(3, false) + &synced(1, 0)));
    until(|| link.directory().position().history == "other").await;
    assert!(!allows(&link, 2) && allows(&link, 3));
}

#[tokio::test]
async fn what_does_not_fit_is_told_anew() {
    let mut issuer = Issuer::start().await;
    let link = issuer.client().connect().await.unwrap();
    issuer.stream().await.say(&whole("h"));
    link.synced().await;
    let misfits = [
        begin("h", 99),
        begin("h", 1),
        begin("other", 2),
        begin("a&b", 0),
        settings(),
        begin("h", 2) + &begin("h", 2),
        begin("h", 2) + &synced(1, 0),
    ];
    for misfit in misfits {
        let stream = issuer.stream().await;
        stream.say(&misfit);
        drop(stream);
        let stream = issuer.stream().await;
        assert_eq!(stream.query, "since=0&history=&follow=true", "after {misfit}");
        stream.say(&whole("h"));
        // Before another stream is asked for, all of this one was taken over.
        drop(stream);
    }
    // What cannot be read does not say that anything is wrong with what is here.
    for unreadable in ["{}\n", "{\"key\":{\"id\":\"secret\"}}\n", "\n", &"x".repeat((1 << 20) + 1)] {
        let stream = issuer.stream().await;
        assert_eq!(stream.query, "since=2&history=h&follow=true", "after {unreadable:.9}");
        stream.say(&(begin("h", 2) + unreadable));
    }
    assert!(allows(&link, 1));
}

#[tokio::test]
async fn a_silent_issuer_is_given_up() {
    let mut issuer = Issuer::start().await;
    let link = issuer.client().with_patience(PATIENCE).connect().await.unwrap();
    let first = issuer.stream().await;
    first.say(&whole("h"));
    link.synced().await;
    let second = issuer.stream().await;
    assert_eq!(second.query, "since=2&history=h&follow=true");
    // Not even the beginning of an answer.
    let third = issuer.stream().await;
    drop((first, second, third));
}

#[tokio::test]
async fn a_refused_verifier_keeps_trying() {
    let mut issuer = Issuer::start().await;
    issuer.refuses(Some("key_revoked"));
    let link = issuer.client().connect().await.unwrap();
    issuer.refuses(None);
    let stream = issuer.stream().await;
    stream.say(&whole("h"));
    link.synced().await;
}

#[tokio::test]
async fn the_issuer_tells_the_time() {
    let mut issuer = Issuer::start().await;
    let clock = ManualClock::new();
    for time in [NOW + 3600, NOW - 3600] {
        issuer.is_at(time);
        let link = issuer.client().with_clock(clock.clone()).connect().await.unwrap();
        issuer.stream().await.say(&whole("h"));
        link.synced().await;
        assert_eq!(
            link.directory().complete_at(),
            Some(clock.moment()),
            "how old something is, this machine's clock says"
        );
        link.close().await;
    }
}

#[tokio::test]
async fn nothing_looks_fresher_than_it_was() {
    let mut issuer = Issuer::start().await;
    let clock = ManualClock::new();
    let link = issuer.client().with_clock(clock.clone()).connect().await.unwrap();
    let age = || link.directory().age(&clock.moment()).unwrap();
    let stream = issuer.stream().await;
    clock.advance(7);
    stream.say(&(begin("h", 0) + &settings() + &synced(1, 2000)));
    link.synced().await;
    assert_eq!(age(), Duration::from_secs(5), "two seconds after it was asked for, seven seconds ago");
    clock.advance(30);
    stream.say(&synced(2, 3000));
    until(|| link.directory().position().revision == 2).await;
    assert_eq!(age(), Duration::from_secs(34), "a line that was on its way for long");
    stream.say(&synced(3, 600_000));
    until(|| link.directory().position().revision == 3).await;
    clock.advance(1);
    assert_eq!(age(), Duration::from_secs(1), "an issuer whose clock runs ahead");
}

#[tokio::test]
async fn a_disk_that_fails_stops_nothing_but_what_needs_it() {
    let mut issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    // Where a file would have to be made there is a folder.
    let blocked = ["directory.ndjson.new", "usage.json.new"].map(|name| folder.path().join(name));
    for path in &blocked {
        fs::create_dir(path).unwrap();
    }
    let link = issuer.client().with_data(folder.path().into()).connect().await.unwrap();
    let stream = issuer.stream().await;
    stream.say(&whole("h"));
    link.synced().await;
    assert!(allows(&link, 1));
    stream.say(&(key(1, true) + &synced(3, 0)));
    until(|| link.directory().position().revision == 3).await;
    assert!(!allows(&link, 1));
    note(&link, 3);
    link.close().await;
    assert_eq!(issuer.usage(|usage| usage.tries), 0, "what does not stand in the file could be counted twice");
    assert!(!folder.path().join("directory.ndjson").exists());

    let link = issuer.client().with_data(folder.path().into()).connect().await.unwrap();
    note(&link, 5);
    fs::remove_dir(&blocked[1]).unwrap();
    until(|| issuer.counted("accepted") == 5).await;
    link.close().await;
}

/// A folder with a copy that was complete at [`NOW`], at revision 3.
async fn folder_with_copy(issuer: &mut Issuer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let link = issuer.client().with_clock(ManualClock::new()).with_data(folder.path().join("data")).connect().await;
    let link = link.unwrap();
    let stream = issuer.stream().await;
    stream.say(&whole("h"));
    stream.say(&(key(1, true) + &synced(3, 0)));
    until(|| link.directory().position().revision == 3).await;
    link.close().await;
    folder
}

fn copy(folder: &Path) -> std::path::PathBuf {
    folder.join("data/directory.ndjson")
}

/// A client that finds no issuer.
fn alone(folder: &Path) -> IssuerClient {
    let client = IssuerClient::new(credential()).with_proc("/nowhere".into());
    client.with_url("http://127.0.0.1:1".parse().unwrap()).with_data(folder.join("data"))
}

#[tokio::test]
async fn the_copy_outlives_the_process() {
    let mut issuer = Issuer::start().await;
    let folder = folder_with_copy(&mut issuer).await;
    let clock = ManualClock::new();

    clock.advance(8);
    let link = alone(folder.path()).with_clock(clock.clone()).connect().await.unwrap();
    link.synced().await;
    assert!(!allows(&link, 1) && allows(&link, 2) && link.directory().len() == 2);
    assert_eq!(link.directory().age(&clock.moment()), Some(Duration::from_secs(8)));
    clock.advance(20);
    assert_eq!(link.directory().age(&clock.moment()), Some(Duration::from_secs(28)));
    link.close().await;

    let link = alone(folder.path()).with_clock(clock.clone()).connect().await.unwrap();
    let age = link.directory().age(&clock.moment()).unwrap();
    assert!(age == Duration::from_secs(28) && age > Directory::DEFAULT_MAX_STALENESS);
    link.close().await;

    // A copy from the future was dated by a clock that was wrong.
    let link = alone(folder.path()).with_clock(ManualClock::at(NOW - 1)).connect().await.unwrap();
    let age = link.directory().age(&ManualClock::at(NOW - 1).moment()).unwrap();
    assert!(age > Duration::from_hours(24), "{age:?}");
    link.close().await;

    let link = issuer.client().with_clock(clock.clone()).with_data(folder.path().join("data")).connect().await.unwrap();
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=3&history=h&follow=true");
    stream.say(&(begin("h", 3) + &synced(3, 0)));
    link.synced().await;
    assert_eq!(link.directory().age(&clock.moment()), Some(Duration::ZERO));
    link.close().await;
    let link = alone(folder.path()).with_clock(clock.clone()).connect().await.unwrap();
    assert_eq!(link.directory().age(&clock.moment()), Some(Duration::ZERO), "what was added is there");
}

#[tokio::test]
async fn after_another_start_of_the_machine_the_copy_waits_for_the_issuer() {
    let mut issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let proc = folder.path().join("proc");
    fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
    let boots = |id: &str, uptime: &str| {
        fs::write(proc.join("sys/kernel/random/boot_id"), id).unwrap();
        fs::write(proc.join("uptime"), uptime).unwrap();
    };
    boots("one", "100.00 1.00");
    let clock = ManualClock::new();
    let client = issuer.client().with_clock(clock.clone()).with_proc(proc.clone());
    let link = client.with_data(folder.path().join("data")).connect().await.unwrap();
    issuer.stream().await.say(&whole("h"));
    link.synced().await;
    link.close().await;

    let again = || alone(folder.path()).with_clock(clock.clone()).with_proc(proc.clone()).connect();
    boots("one", "107.00 1.00");
    let link = again().await.unwrap();
    link.synced().await;
    assert_eq!(link.directory().age(&clock.moment()).unwrap().as_secs(), 7, "the clock on the wall has stood still");
    link.close().await;
    boots("two", "107.00 1.00");
    let link = again().await.unwrap();
    assert_eq!(link.directory().len(), 2, "it goes on from there");
    assert!(link.directory().age(&clock.moment()).unwrap() > Duration::from_hours(24));
    link.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_is_for_one_account_and_one_process() {
    use std::os::unix::fs::PermissionsExt;
    let mut issuer = Issuer::start().await;
    let folder = folder_with_copy(&mut issuer).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(&copy(folder.path())), 0o600);

    let link = alone(folder.path()).connect().await.unwrap();
    link.note(key_id(1), Outcome::Accepted, NOW);
    assert_eq!(alone(folder.path()).connect().await.unwrap_err().code(), ErrorCode::Conflict);
    link.close().await;
    assert_eq!(mode(&folder.path().join("data/usage.json")), 0o600);
    alone(folder.path()).connect().await.unwrap().close().await;

    let blocked = IssuerClient::new(credential()).with_data(copy(folder.path())).connect().await;
    assert_eq!(blocked.unwrap_err().code(), ErrorCode::StoreUnavailable);
    let plain = IssuerClient::new(credential()).with_url("http://keys.example.com".parse().unwrap()).connect().await;
    assert_eq!(plain.unwrap_err().code(), ErrorCode::InsecureTransport);
}

#[tokio::test]
async fn a_torn_copy_loses_its_last_line_alone() {
    let mut issuer = Issuer::start().await;
    let folder = folder_with_copy(&mut issuer).await;
    let file = copy(folder.path());
    let before = fs::read_to_string(&file).unwrap();
    fs::write(&file, before.clone() + &key(3, false)[..50]).unwrap();
    let link = issuer.client().with_data(folder.path().join("data")).connect().await.unwrap();
    assert_eq!(link.directory().len(), 2);
    let stream = issuer.stream().await;
    assert_eq!(stream.query, "since=3&history=h&follow=true");
    stream.say(&(begin("h", 3) + &key(4, false) + &synced(4, 0)));
    until(|| link.directory().position().revision == 4).await;
    link.close().await;
    assert!(fs::read_to_string(&file).unwrap().starts_with(&(before + &key(4, false))));
}

#[tokio::test]
async fn no_other_copy_is_believed() {
    let mut issuer = Issuer::start().await;
    let folder = folder_with_copy(&mut issuer).await;
    let file = copy(folder.path());
    let good = fs::read_to_string(&file).unwrap();
    let (header, rest) = good.split_once('\n').unwrap();
    let bent = [
        String::new(),
        good.replacen("keys.example.com", "other.example.com", 1),
        good.replacen("\"format\":2", "\"format\":1", 1),
        rest.to_owned(),
        format!("{header}\n"),
        format!("{header}\n\0\0\0\n{rest}"),
        format!("{header}\n{}{rest}", synced(1, 0)),
        good.replacen("\"revoked\":true", "\"revoked\":true,\"new_restriction\":1", 1),
        good.replacen("\"at_ms\":", "\"at\":", 1),
    ];
    for bent in bent {
        assert_ne!(bent, good);
        fs::write(&file, &bent).unwrap();
        let link = issuer.client().with_data(folder.path().join("data")).connect().await.unwrap();
        assert!(link.directory().is_empty() && link.directory().complete_at().is_none(), "{bent}");
        let stream = issuer.stream().await;
        assert_eq!(stream.query, "since=0&history=&follow=true");
        // Half of a new copy does not take the other's place.
        stream.say(&(begin("h", 0) + &key(3, false)));
        until(|| fs::metadata(file.with_extension("ndjson.new")).is_ok_and(|file| file.len() > 100)).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), bent);
        stream.say(&synced(5, 0));
        link.synced().await;
        link.close().await;
        let link = alone(folder.path()).connect().await.unwrap();
        assert!(allows(&link, 3) && link.directory().len() == 1);
        link.close().await;
    }
}

#[tokio::test]
async fn the_copy_does_not_grow_for_ever() {
    let mut issuer = Issuer::start().await;
    let folder = folder_with_copy(&mut issuer).await;
    let clock = ManualClock::new();
    let client = issuer.client().with_clock(clock.clone()).with_data(folder.path().join("data"));
    let link = client.connect().await.unwrap();
    let stream = issuer.stream().await;
    stream.say(&begin("h", 3));
    let mut longest = 0;
    for revision in 4..64 {
        // A key of which nothing is said again.
        let once = if revision < 6 { key(100, revision == 5) } else { String::new() };
        let lines: String = (0..500).map(|number| key(number % 10, revision % 2 == 0)).collect();
        clock.advance(1);
        stream.say(&(once + &lines + &synced(revision, 0)));
        until(|| link.directory().position().revision == revision).await;
        longest = longest.max(fs::metadata(copy(folder.path())).unwrap().len());
    }
    link.close().await;
    let rest = fs::metadata(copy(folder.path())).unwrap().len();
    assert!(longest > 4_000_000 && rest < 3_000_000, "{longest} {rest}");
    let link = alone(folder.path()).with_clock(clock.clone()).connect().await.unwrap();
    assert_eq!((link.directory().len(), link.directory().position().revision), (11, 63));
    assert!((0..10).all(|number| allows(&link, number)) && !allows(&link, 100));
}

fn note(link: &IssuerLink, times: u64) {
    for _ in 0..times {
        link.note(key_id(1), Outcome::Accepted, NOW);
    }
}

#[tokio::test]
async fn usage_is_reported_once() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let client = || issuer.client().with_data(folder.path().into()).with_patience(PATIENCE);
    let link = client().connect().await.unwrap();
    note(&link, 3);
    link.note(key_id(1), Outcome::Refused(ErrorCode::IpNotAllowed), NOW);
    until(|| issuer.counted("accepted") == 3 && issuer.counted("ip_not_allowed") == 1).await;

    // The issuer takes a batch, and the verifier does not hear of it; meanwhile more is counted.
    issuer.takes(Taking::AndFallingSilent);
    note(&link, 5);
    until(|| issuer.counted("accepted") == 8).await;
    note(&link, 7);
    let tries = issuer.usage(|usage| usage.tries);
    until(|| issuer.usage(|usage| usage.tries) > tries).await;
    // Nor does it before it ends.
    link.close().await;
    assert_eq!(issuer.counted("accepted"), 8);

    issuer.takes(Taking::Once);
    let link = client().connect().await.unwrap();
    note(&link, 11);
    until(|| issuer.counted("accepted") == 26).await;
    link.close().await;
    client().connect().await.unwrap().close().await;
    assert_eq!((issuer.counted("accepted"), issuer.counted("ip_not_allowed")), (26, 1));
    assert_eq!(issuer.usage(|usage| usage.taken.len()), 1, "one series over all processes");
}

#[cfg(unix)]
#[tokio::test]
async fn a_copied_folder_begins_a_series_of_its_own() {
    let issuer = Issuer::start().await;
    let folders = tempfile::tempdir().unwrap();
    let path = |name: &str| folders.path().join(name);
    let counts = async |name: &str, times| {
        let counted = issuer.counted("accepted");
        let link = issuer.client().with_data(path(name)).connect().await.unwrap();
        note(&link, times);
        until(|| issuer.counted("accepted") == counted + times).await;
        link.close().await;
        issuer.usage(|usage| usage.taken.len())
    };
    assert_eq!(counts("first", 1).await, 1);
    fs::create_dir(path("copy")).unwrap();
    for file in fs::read_dir(path("first")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), path("copy").join(file.file_name())).unwrap();
    }
    assert_eq!(counts("first", 2).await, 1);
    assert_eq!(counts("copy", 4).await, 2);
    assert_eq!(counts("first", 8).await, 2);
    assert_eq!(counts("copy", 16).await, 2, "it is at home there now");
    fs::rename(path("first"), path("other")).unwrap();
    assert_eq!(counts("other", 32).await, 2, "another name is no other folder");
}

#[tokio::test]
async fn an_issuer_that_forgot_begins_anew() {
    let issuer = Issuer::start().await;
    let link = issuer.client().connect().await.unwrap();
    for round in 1..4 {
        note(&link, 1);
        until(|| issuer.counted("accepted") == round).await;
    }
    issuer.usage(|usage| usage.taken.clear());
    note(&link, 1);
    until(|| issuer.counted("accepted") == 4).await;
    note(&link, 1);
    until(|| issuer.counted("accepted") == 5).await;
    assert_eq!(issuer.usage(|usage| usage.taken.values().copied().max()), Some(2));
}

#[tokio::test]
async fn only_a_batch_that_can_never_be_taken_is_dropped() {
    let issuer = Issuer::start().await;
    let link = issuer.client().connect().await.unwrap();
    let mut sum = 0;
    for (status, is_kept) in
        [(401, true), (404, true), (429, true), (500, true), (200, true), (400, false), (413, false), (422, false)]
    {
        issuer.takes(Taking::Refusing(status));
        let tries = issuer.usage(|usage| usage.tries);
        note(&link, 10);
        // The second try is after the first answer.
        note(&link, 10);
        until(|| issuer.usage(|usage| usage.tries) > tries).await;
        issuer.takes(Taking::Once);
        link.note(key_id(1), Outcome::Refused(ErrorCode::RateLimited), NOW);
        let told = issuer.counted("rate_limited");
        until(|| issuer.counted("rate_limited") > told).await;
        sum += if is_kept { 20 } else { 0 };
        assert_eq!(issuer.counted("accepted"), sum, "{status}");
    }
}

#[tokio::test]
async fn the_last_is_told_at_the_end() {
    let issuer = Issuer::start().await;
    let link = issuer.client().with_tick(Duration::from_hours(1)).connect().await.unwrap();
    for number in 0..5000 {
        link.note(key_id(number), Outcome::Accepted, NOW);
    }
    let clone = link.clone();
    link.close().await;
    assert_eq!(issuer.counted("accepted"), 5000);
    assert_eq!(issuer.usage(|usage| usage.tries), 3, "in batches");
    // Nobody waits for what will never be.
    clone.synced().await;
    clone.close().await;
}
