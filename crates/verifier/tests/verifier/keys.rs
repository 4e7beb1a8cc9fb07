//! The issuer's keys over real HTTP, from an issuer that counts, changes its keys, fails and hangs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use doorkey_core::{ErrorCode, JwkSet, SigningKey, Thumbprint};
use doorkey_verifier::{Error, KeySource};
use tokio::net::TcpListener;

use crate::clock::ManualClock;

#[derive(Clone)]
enum Behaviour {
    Publish(u8),
    Fail,
    Hang,
    Send(String),
}

struct Issuer {
    source: KeySource,
    fetches: Arc<AtomicUsize>,
    behaviour: Arc<Mutex<Behaviour>>,
    clock: Arc<ManualClock>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn kid(seed: u8) -> Thumbprint {
    Thumbprint::of(&key(seed).verifying_key())
}

impl Issuer {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let behaviour = Arc::new(Mutex::new(behaviour));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&behaviour), Arc::clone(&fetches));
        let jwks = async move || {
            count.fetch_add(1, Ordering::Relaxed);
            let behaviour = answers.lock().unwrap().clone();
            match behaviour {
                Behaviour::Publish(seed) => (StatusCode::OK, JwkSet::new([key(seed).verifying_key()]).to_json()),
                Behaviour::Fail => (StatusCode::BAD_GATEWAY, String::new()),
                Behaviour::Hang => std::future::pending().await,
                Behaviour::Send(document) => (StatusCode::OK, document),
            }
        };
        let app = Router::new().route("/.well-known/jwks.json", get(jwks));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = ManualClock::new();
        let source = KeySource::remote_with_timeout(&origin, clock.clone(), Duration::from_secs(1)).unwrap();
        Self { source, fetches, behaviour, clock }
    }

    fn now(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    async fn find(&self, seed: u8) -> Result<(), ErrorCode> {
        if self.source.current().find(&kid(seed)).is_some() {
            return Ok(());
        }
        self.source.refresh(&kid(seed)).await.map(drop).map_err(|error: Error| error.code())
    }
}

#[tokio::test]
async fn however_many_ask_there_is_one_fetch() {
    let issuer = Arc::new(Issuer::start(Behaviour::Publish(1)).await);
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let issuer = Arc::clone(&issuer);
            tokio::spawn(async move { issuer.find(1).await })
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), Ok(()));
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_in_a_while() {
    let issuer = Issuer::start(Behaviour::Publish(1)).await;
    assert_eq!(issuer.find(1).await, Ok(()));
    for _ in 0..20 {
        assert_eq!(issuer.find(2).await, Err(ErrorCode::TokenInvalid));
    }
    assert_eq!(issuer.fetches(), 1, "made-up keys must not make the verifier call the issuer");
    issuer.now(Behaviour::Publish(2));
    issuer.clock.advance(10);
    assert_eq!(issuer.find(2).await, Ok(()));
    assert_eq!(issuer.find(1).await, Err(ErrorCode::TokenInvalid), "a withdrawn key is forgotten");
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn known_keys_outlive_the_issuer() {
    let issuer = Issuer::start(Behaviour::Publish(1)).await;
    assert_eq!(issuer.find(1).await, Ok(()));
    let broken = [
        Behaviour::Fail,
        Behaviour::Hang,
        Behaviour::Send(String::new()),
        Behaviour::Send("{\"keys\":1}".into()),
        Behaviour::Send("x".repeat(100_000)),
    ];
    for behaviour in broken {
        issuer.now(behaviour);
        issuer.clock.advance(11);
        assert_eq!(issuer.find(2).await, Err(ErrorCode::KeysUnavailable));
        assert_eq!(issuer.find(1).await, Ok(()));
    }
    issuer.now(Behaviour::Publish(2));
    issuer.clock.advance(2);
    assert_eq!(issuer.find(2).await, Ok(()));
}

#[tokio::test]
async fn before_the_first_answer_it_is_an_outage() {
    let issuer = Issuer::start(Behaviour::Fail).await;
    assert_eq!(issuer.find(1).await, Err(ErrorCode::KeysUnavailable));
    assert_eq!(issuer.find(1).await, Err(ErrorCode::KeysUnavailable));
    assert_eq!(issuer.fetches(), 1, "a failing issuer is left alone for a moment");
    issuer.now(Behaviour::Publish(1));
    issuer.clock.advance(2);
    assert_eq!(issuer.find(1).await, Ok(()));
}

#[tokio::test]
async fn hanging_up_does_not_undo_the_cool_down() {
    let issuer = Issuer::start(Behaviour::Publish(1)).await;
    for seed in 2..30 {
        // Asked once, and dropped before an answer can have come.
        let (source, kid) = (issuer.source.clone(), kid(seed));
        let mut asking = Box::pin(async move { source.refresh(&kid).await });
        std::future::poll_fn(|cx| {
            let _ = asking.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
    }
    assert_eq!(issuer.find(1).await, Ok(()));
    assert_eq!(issuer.fetches(), 1);
}
