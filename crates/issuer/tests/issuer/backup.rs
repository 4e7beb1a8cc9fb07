//! Copies are for SQLite alone: Postgres has its own tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorkey_core::{Environment, ErrorCode, KeyId, KeyKind};
use doorkey_issuer::{Database, NewKey, Store};
use doorkey_verifier::{DirectoryLine, SystemEntropy};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqlSafeStr};
use tempfile::TempDir;

use crate::house::{CATALOGUE, House, NOW, OPERATOR, On, Place, open, send};
use crate::verifiers::Verifier;

/// A house, its database, and a folder for copies.
async fn house() -> (House, PathBuf, TempDir) {
    let house = House::with(On::Sqlite, CATALOGUE, Arc::new(SystemEntropy)).await;
    let Place::Folder(folder) = &house.place else { panic!("SQLite is in a folder") };
    let database = folder.path().join("doorkey.db");
    (house, database, TempDir::new().unwrap())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_others_write_has_all_that_was_written_before() {
    let (house, database, copies) = house().await;
    let done = Arc::new(AtomicBool::new(false));
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (issuer, done, acknowledge) = (house.issuer.clone(), done.clone(), acknowledge.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::SeqCst) {
                    let new = NewKey::new(KeyKind::Publishable, Environment::Test);
                    let id = issuer.registry().create_key(&OPERATOR, new).await.unwrap().record().id;
                    issuer.registry().revoke_key(&OPERATOR, id).await.unwrap();
                    acknowledge.send(id).unwrap();
                }
            })
        })
        .collect();
    let mut revoked: Vec<KeyId> = vec![acknowledged.recv().await.unwrap()];
    for round in 0..8 {
        while let Ok(id) = acknowledged.try_recv() {
            revoked.push(id);
        }
        let copy = copies.path().join(format!("copy?#%20-{round}"));
        Store::back_up(&database, &copy).await.unwrap();
        let restored = TempDir::new().unwrap();
        let file = restored.path().join("doorkey.db");
        Store::restore(&copy, &file).await.unwrap();
        let store = Store::open(&Database::file(file)).await.unwrap();
        let (issuer, first) = open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
        assert!(first.is_none());
        assert_eq!(issuer.public_keys().to_json(), house.issuer.public_keys().to_json());
        let keys = issuer.registry().keys().await.unwrap();
        for id in &revoked {
            assert!(keys.iter().any(|key| key.id == *id && !key.is_usable(NOW)), "{id} is not in copy {round}");
        }
    }
    done.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(names(copies.path()), (0..8).map(|round| format!("copy?#%20-{round}")).collect::<Vec<_>>());
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_is_for_its_owner_alone_and_nothing_is_written_over() {
    use std::os::unix::fs::PermissionsExt;
    let (house, database, copies) = house().await;
    let copy = copies.path().join("copy");
    Store::back_up(&database, &copy).await.unwrap();
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&copy).unwrap();
    house.issuer.registry().create_key(&OPERATOR, NewKey::new(KeyKind::Secret, Environment::Test)).await.unwrap();
    assert_eq!(Store::back_up(&database, &copy).await.unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    assert_eq!(Store::restore(&copy, &database).await.unwrap_err().code(), ErrorCode::Conflict);
    assert_eq!(house.issuer.registry().keys().await.unwrap().len(), 3);

    // What a database left behind would become a part of the one that is put in its place.
    for name in ["doorkey.db-wal", "doorkey.db-shm", "doorkey.db-journal"] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(name), "").unwrap();
        let error = Store::restore(&copy, &folder.path().join("doorkey.db")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Conflict, "{name}");
    }
    let absent = Store::back_up(&copies.path().join("absent"), &copies.path().join("another")).await.unwrap_err();
    assert_eq!(absent.code(), ErrorCode::NotFound);
    let nowhere = Store::back_up(&database, &copies.path().join("no/copy")).await.unwrap_err();
    assert_eq!(nowhere.code(), ErrorCode::StoreUnavailable);
    std::fs::write(copies.path().join("next.part"), "").unwrap();
    let unfinished = Store::back_up(&database, &copies.path().join("next")).await.unwrap_err();
    assert_eq!(unfinished.code(), ErrorCode::Conflict);
    assert_eq!(names(copies.path()), ["copy", "next.part"]);
}

#[tokio::test]
async fn a_file_that_is_no_sound_copy_is_not_put_in_place() {
    let (_house, database, copies) = house().await;
    let good = copies.path().join("good");
    Store::back_up(&database, &good).await.unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = copies.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut bad = vec![
        file("empty", b""),
        file("text", b"-- PostgreSQL database dump"),
        file("cut", &bytes[..bytes.len() - 4096]),
        file("overwritten", &[&bytes[..4096], &[0xff; 4096], &bytes[8192..]].concat()),
        copies.path().join("absent"),
    ];
    for (name, change) in [
        (
            "newer",
            "INSERT INTO _sqlx_migrations SELECT 999, 'x', 0, 1, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        ),
        ("changed", "UPDATE _sqlx_migrations SET checksum = X'00'"),
        ("dangling", "PRAGMA foreign_keys = OFF; DELETE FROM organizations"),
        ("another", "DROP TABLE _sqlx_migrations"),
        ("unfinished", "DELETE FROM _sqlx_migrations"),
        ("without its beginning", "DELETE FROM _sqlx_migrations WHERE version = 1"),
    ] {
        let path = file(name, &bytes);
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::raw_sql(change.into_sql_str()).execute(&mut connection).await.unwrap();
        bad.push(path);
    }
    for path in bad {
        let folder = TempDir::new().unwrap();
        let Err(error) = Store::restore(&path, &folder.path().join("doorkey.db")).await else {
            panic!("{} was put in place", path.display())
        };
        let expected = if path.exists() { ErrorCode::InvalidInput } else { ErrorCode::StoreUnavailable };
        assert_eq!(error.code(), expected, "{}: {error}", path.display());
        assert_eq!(names(folder.path()), ["doorkey.lock"], "{}", path.display());
    }
}

#[tokio::test]
async fn a_copy_that_is_put_in_place_goes_on_in_another_history() {
    let (house, database, copies) = house().await;
    let verifier = Verifier::add(&house).await;
    let begin = async |router: &axum::Router, query: &str| -> (String, u64) {
        let answer = send(router, verifier.get(&format!("/v1/directory{query}"))).await;
        let line = answer.text.lines().next().unwrap();
        let DirectoryLine::Begin(begin) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        (begin.history, begin.since)
    };
    let (history, _) = begin(&house.router, "").await;
    let query = format!("?since=2&history={history}");
    assert_eq!(begin(&house.router, &query).await, (history.clone(), 2));
    let (copy, file) = (copies.path().join("copy"), copies.path().join("doorkey.db"));
    Store::back_up(&database, &copy).await.unwrap();
    let before = std::fs::read(&copy).unwrap();
    Store::restore(&copy, &file).await.unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    let store = Store::open(&Database::file(file)).await.unwrap();
    let (issuer, _) = open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
    let router = Arc::new(issuer).router();
    let (another, since) = begin(&router, &query).await;
    assert!(another != history && since == 0);
    // And stays in that one.
    assert_eq!(begin(&router, &format!("?since=2&history={another}")).await, (another, 2));
}
