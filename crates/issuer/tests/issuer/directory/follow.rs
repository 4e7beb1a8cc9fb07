//! Changes as they come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::ConnectInfo;
use doorkey_core::{Environment, KeyKind};
use doorkey_issuer::{NewKey, Settings, SettingsFile, Store};
use doorkey_servers::Postgres;
use doorkey_verifier::{DirectoryLine, DirectorySynced, SystemEntropy};
use futures_util::StreamExt;
use http::Request;
use tower::ServiceExt;

use crate::house::{CATALOGUE, House, NOW, OPERATOR, On, PUBLIC_URL, Place, Seeded, open_at};
use crate::verifiers::Verifier;

on_each_database!(
    "multi_thread":
    changes_come_as_they_are_made,
    what_is_not_true_any_more_is_not_said,
    a_change_at_one_issuer_comes_out_of_another,
    a_verifier_s_revocation_ends_its_stream_alone,
    settings_come_again_when_they_change,
    a_verifier_has_so_many_streams_and_no_more,
    streams_end_with_the_issuer,
    without_a_feed_a_stream_says_all_and_ends
);

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is read line by line.
pub(crate) struct Lines {
    body: BodyDataStream,
    text: Vec<u8>,
}

impl Lines {
    pub(crate) async fn open(router: &Router, mut request: Request<Body>) -> Self {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000))));
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { body: response.into_body().into_data_stream(), text: Vec::new() }
    }

    /// `None` once it has ended.
    pub(crate) async fn next(&mut self) -> Option<DirectoryLine> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line = self.text.drain(..=end).collect::<Vec<_>>();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next()).await.unwrap();
            self.text.extend(piece?.unwrap());
        }
    }

    /// The lines up to the next that says that nothing is missing, and that.
    pub(crate) async fn synced(&mut self) -> (Vec<DirectoryLine>, DirectorySynced) {
        let mut lines = Vec::new();
        loop {
            match self.next().await.unwrap() {
                DirectoryLine::Synced(synced) => return (lines, synced),
                line => lines.push(line),
            }
        }
    }

    /// The next change.
    pub(crate) async fn change(&mut self) -> DirectoryLine {
        loop {
            match self.next().await.unwrap() {
                DirectoryLine::Synced(_) => {}
                line => return line,
            }
        }
    }

    /// Reads to the end; says whether something but "nothing is missing" came before it.
    pub(crate) async fn ends(&mut self) -> bool {
        let mut has_more = false;
        while let Some(line) = self.next().await {
            has_more |= !matches!(line, DirectoryLine::Synced(_));
        }
        has_more
    }
}

/// A house and a stream that has said all.
async fn followed(house: &House, verifier: &Verifier) -> (Lines, DirectorySynced) {
    let mut lines = Lines::open(&house.router, verifier.get("/v1/directory?follow=true")).await;
    let (_, synced) = lines.synced().await;
    (lines, synced)
}

fn publishable() -> NewKey {
    NewKey::new(KeyKind::Publishable, Environment::Test)
}

fn revoked(line: &DirectoryLine) -> Option<String> {
    if let DirectoryLine::Key(key) = line { key.revoked.then(|| key.id.to_string()) } else { None }
}

async fn changes_come_as_they_are_made(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let (mut lines, synced) = followed(&house, &verifier).await;
    // That nothing is missing is said again though nothing happens.
    let (nothing, again) = lines.synced().await;
    assert_eq!((nothing.len(), again.revision), (0, synced.revision));
    let registry = house.issuer.registry();
    let created = registry.create_key(&OPERATOR, publishable()).await.unwrap();
    assert!(matches!(lines.change().await, DirectoryLine::Key(key) if key.id == created.record().id && !key.revoked));
    registry.revoke_key(&OPERATOR, created.record().id).await.unwrap();
    assert_eq!(revoked(&lines.change().await), Some(created.record().id.to_string()));
    let (_, later) = lines.synced().await;
    assert_eq!(later.revision, synced.revision + 2);
}

async fn what_is_not_true_any_more_is_not_said(on: On) {
    let clock = Arc::new(crate::house::Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let verifier = Verifier::add(&house).await;
    let (mut lines, synced) = followed(&house, &verifier).await;
    assert_eq!(synced.after_ms, 0);
    // By the monotonic clock since the request, and so for all that follow.
    clock.pass(7);
    loop {
        let (_, synced) = lines.synced().await;
        if synced.after_ms > 0 {
            assert_eq!(synced.after_ms, 7000);
            break;
        }
    }
    house.store.close().await;
    assert!(!lines.ends().await);
}

async fn a_change_at_one_issuer_comes_out_of_another(on: On) {
    let house = House::with(on, CATALOGUE, Arc::new(SystemEntropy)).await;
    let verifier = Verifier::add(&house).await;
    let store = Store::open(&house.place.database()).await.unwrap();
    let (other, _) = crate::house::open(&store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
    let (mut lines, _) = followed(&house, &verifier).await;
    for _ in 0..3 {
        let created = other.registry().create_key(&OPERATOR, publishable()).await.unwrap().record().id;
        assert!(matches!(lines.change().await, DirectoryLine::Key(key) if key.id == created));
    }
}

async fn a_verifier_s_revocation_ends_its_stream_alone(on: On) {
    let house = House::new(on).await;
    let (one, other) = (Verifier::add(&house).await, Verifier::add(&house).await);
    let ((mut ending, _), (mut going_on, _)) = (followed(&house, &one).await, followed(&house, &other).await);
    house.issuer.registry().revoke_verifier(&OPERATOR, one.id).await.unwrap();
    assert!(!ending.ends().await);
    house.issuer.registry().create_key(&OPERATOR, publishable()).await.unwrap();
    assert!(matches!(going_on.change().await, DirectoryLine::Key(_)));
}

async fn settings_come_again_when_they_change(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let (mut lines, _) = followed(&house, &verifier).await;
    let file = SettingsFile::parse("[[scopes]]\nname = \"a:read\"\nreusable_urls = true").unwrap();
    house.issuer.reload(Settings::resolve(file, PUBLIC_URL.parse().unwrap()).unwrap()).unwrap();
    let DirectoryLine::Settings(settings) = lines.change().await else { panic!("settings have changed") };
    assert_eq!(settings.reusable_urls.len(), 1);
}

async fn a_verifier_has_so_many_streams_and_no_more(on: On) {
    let house = House::new(on).await;
    let (one, other) = (Verifier::add(&house).await, Verifier::add(&house).await);
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(followed(&house, &one).await.0);
    }
    let follow = "/v1/directory?follow=true";
    assert_eq!(house.send(one.get(follow)).await.refusal(), (429, "rate_limited"));
    // What does not go on takes no stream's place.
    assert_eq!(house.send(one.get("/v1/directory")).await.status, 200);
    streams.push(followed(&house, &other).await.0);
    // With the end of a stream there is room again.
    house.stop_feed.send(()).unwrap();
    for stream in &mut streams {
        assert!(!stream.ends().await);
    }
    assert_eq!(crate::house::send(&house.router, one.get(follow)).await.status, 200);
}

async fn streams_end_with_the_issuer(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let (mut lines, _) = followed(&house, &verifier).await;
    house.stop_feed.send(()).unwrap();
    assert!(!lines.ends().await);
}

async fn without_a_feed_a_stream_says_all_and_ends(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let (again, _) = crate::house::open(&house.store, CATALOGUE, 1, Arc::new(SystemEntropy)).await.unwrap();
    let router = Arc::new(again).router();
    let mut lines = Lines::open(&router, verifier.get("/v1/directory?follow=true")).await;
    let (said, _) = lines.synced().await;
    assert!(said.len() > 4 && !lines.ends().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_nothing_is_said_and_then_it_goes_on() {
    let postgres = Postgres::start();
    let place = Place::Server(postgres.create_database());
    let store = Store::open(&place.database()).await.unwrap();
    let clock = Arc::new(crate::house::Moving::default());
    let (issuer, keys) = open_at(&store, PUBLIC_URL, CATALOGUE, 1, Arc::new(SystemEntropy), clock).await.unwrap();
    let house = House::around(place, store, issuer, keys.unwrap());
    let verifier = Verifier::add(&house).await;
    let (mut lines, _) = followed(&house, &verifier).await;
    let (_, synced) = lines.synced().await;
    postgres.stop();
    assert!(!lines.ends().await);
    let answer = house.send(verifier.get("/v1/directory")).await;
    assert_eq!(answer.refusal(), (503, "store_unavailable"));
    postgres.start_again();
    let revoked_key = house.keys.publishable.id();
    house.issuer.registry().revoke_key(&OPERATOR, revoked_key).await.unwrap();
    let whole = Lines::open(&house.router, verifier.get("/v1/directory")).await.synced().await;
    let DirectoryLine::Begin(begin) = &whole.0[0] else { panic!("{whole:?}") };
    let target = format!("/v1/directory?since={}&history={}&follow=true", synced.revision, begin.history);
    let mut lines = Lines::open(&house.router, verifier.get_at(&target, NOW)).await;
    let (said, _) = lines.synced().await;
    assert_eq!(said.iter().filter_map(revoked).collect::<Vec<_>>(), [revoked_key.to_string()]);
    // And it follows again.
    let created = house.issuer.registry().create_key(&OPERATOR, publishable()).await.unwrap().record().id;
    assert!(matches!(lines.change().await, DirectoryLine::Key(key) if key.id == created));
}
