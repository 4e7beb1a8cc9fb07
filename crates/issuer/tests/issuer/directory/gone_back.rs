//! A database that goes back under a running issuer.

use doorkey_core::{Environment, KeyKind};
use doorkey_issuer::{NewKey, Store};
use doorkey_verifier::{DirectoryBegin, DirectoryLine, SystemEntropy};

use super::follow::Lines;
use crate::house::{CATALOGUE, House, OPERATOR, On};
use crate::verifiers::Verifier;

on_each_database!(
    "multi_thread":
    who_follows_begins_anew,
    that_it_has_come_as_far_again_hides_nothing,
    it_is_found_out_by_the_next_who_asks,
    a_name_that_was_left_does_not_come_back,
    two_issuers_agree_on_the_new_history
);

/// Keeps a copy of the directory as it is.
const COPY: &str = "CREATE TABLE directory_then AS SELECT * FROM directory; \
    CREATE TABLE marks_then AS SELECT * FROM directory_marks; \
    CREATE TABLE settings_then AS SELECT * FROM settings";
/// Puts it back.
const GO_BACK: &str = "BEGIN; DELETE FROM directory; INSERT INTO directory SELECT * FROM directory_then; \
    DELETE FROM directory_marks; INSERT INTO directory_marks SELECT * FROM marks_then; COMMIT";
/// Puts it back and has others change as much as was changed before, and more.
const GO_BACK_AND_ON: &str = "BEGIN; DELETE FROM directory; INSERT INTO directory SELECT * FROM directory_then; \
    DELETE FROM directory_marks; INSERT INTO directory_marks SELECT * FROM marks_then; \
    UPDATE directory SET revision = revision + 100 WHERE kind = 'key'; \
    INSERT INTO directory_marks SELECT MAX(revision), 1 FROM directory; COMMIT";
/// And the name of the history with it.
const GO_BACK_WITH_NAME: &str = "BEGIN; DELETE FROM settings WHERE name = 'directory_history'; \
    INSERT INTO settings SELECT * FROM settings_then WHERE name = 'directory_history'; COMMIT";

async fn create(house: &House) {
    let new = NewKey::new(KeyKind::Publishable, Environment::Test);
    house.issuer.registry().create_key(&OPERATOR, new).await.unwrap();
}

/// A stream that has said all, and where it stands.
async fn follow(house: &House, verifier: &Verifier, query: &str) -> (Lines, DirectoryBegin, u64) {
    let request = verifier.get(&format!("/v1/directory?follow=true{query}"));
    let mut lines = Lines::open(&house.router, request).await;
    let (said, synced) = lines.synced().await;
    let DirectoryLine::Begin(begin) = &said[0] else { panic!("{said:?}") };
    (lines, begin.clone(), synced.revision)
}

fn from(begin: &DirectoryBegin, revision: u64) -> String {
    format!("&since={revision}&history={}", begin.history)
}

async fn falls_back_unless_noticed(on: On, how: &'static str) {
    let house = House::with(on, CATALOGUE, std::sync::Arc::new(SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    house.place.execute(COPY).await;
    create(&house).await;
    let (mut lines, begin, revision) = follow(&house, &verifier, "").await;
    house.place.execute(how).await;
    assert!(!lines.ends().await);
    let (mut lines, again, now) = follow(&house, &verifier, &from(&begin, revision)).await;
    assert!(again.since == 0 && again.history != begin.history);
    // And from then on it is followed as any other.
    create(&house).await;
    assert!(matches!(lines.change().await, DirectoryLine::Key(_)));
    let (_, synced) = lines.synced().await;
    assert_eq!(synced.revision, now + 1);
    let (_, same, _) = follow(&house, &verifier, &from(&again, now)).await;
    assert_eq!((same.history, same.since), (again.history, now));
}

async fn who_follows_begins_anew(on: On) {
    falls_back_unless_noticed(on, GO_BACK).await;
}

async fn that_it_has_come_as_far_again_hides_nothing(on: On) {
    falls_back_unless_noticed(on, GO_BACK_AND_ON).await;
}

async fn it_is_found_out_by_the_next_who_asks(on: On) {
    let house = House::with(on, CATALOGUE, std::sync::Arc::new(SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    house.place.execute(COPY).await;
    create(&house).await;
    let (lines, begin, revision) = follow(&house, &verifier, "").await;
    drop(lines);
    house.place.execute(GO_BACK_AND_ON).await;
    let (_, again, _) = follow(&house, &verifier, &from(&begin, revision)).await;
    assert!(again.since == 0 && again.history != begin.history);
}

async fn a_name_that_was_left_does_not_come_back(on: On) {
    let house = House::with(on, CATALOGUE, std::sync::Arc::new(SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    house.place.execute(COPY).await;
    create(&house).await;
    let (mut lines, begin, revision) = follow(&house, &verifier, "").await;
    house.place.execute(GO_BACK).await;
    assert!(!lines.ends().await);
    let (mut lines, second, _) = follow(&house, &verifier, "").await;
    house.place.execute(GO_BACK_WITH_NAME).await;
    assert!(!lines.ends().await);
    let (mut lines, third, _) = follow(&house, &verifier, &from(&begin, revision)).await;
    assert!(third.since == 0 && third.history != begin.history && third.history != second.history);
    // Nor is there none.
    house.place.execute("DELETE FROM settings WHERE name = 'directory_history'").await;
    assert!(!lines.ends().await);
    let (_, fourth, _) = follow(&house, &verifier, &from(&third, 1)).await;
    assert!(fourth.since == 0 && fourth.history != third.history);
}

async fn two_issuers_agree_on_the_new_history(on: On) {
    let house = House::with(on, CATALOGUE, std::sync::Arc::new(SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    let store = Store::open(&house.place.database()).await.unwrap();
    let (other, _) = crate::house::open(&store, CATALOGUE, 1, std::sync::Arc::new(SystemEntropy)).await.unwrap();
    let other = std::sync::Arc::new(other).router();
    house.place.execute(COPY).await;
    create(&house).await;
    let begin = async |router: &axum::Router| {
        let (said, _) = Lines::open(router, verifier.get("/v1/directory")).await.synced().await;
        let DirectoryLine::Begin(begin) = &said[0] else { panic!("{said:?}") };
        begin.history.clone()
    };
    let old = [begin(&house.router).await, begin(&other).await];
    house.place.execute(GO_BACK).await;
    let first = begin(&house.router).await;
    let then = [begin(&other).await, begin(&house.router).await, begin(&other).await];
    assert!(!old.contains(&first) && then.iter().all(|name| *name == first), "{old:?} {first} {then:?}");
}
