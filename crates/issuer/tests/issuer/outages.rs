use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use doorkey_verifier::Entropy;
use http::Request;

use crate::house::{CATALOGUE, House, On, PAGE, Seeded};

on_each_database!(
    a_store_that_is_down_is_said_to_be,
    a_body_that_never_comes_is_given_up,
    a_panic_is_a_refusal_and_the_next_request_goes_on
);

async fn a_store_that_is_down_is_said_to_be(on: On) {
    let house = House::new(on).await;
    house.store.close().await;
    for request in [house.browser().request(), Request::get("/readyz").body(Body::empty()).unwrap()] {
        let answer = house.send(request).await;
        assert_eq!(answer.refusal(), (503, "store_unavailable"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(house.send(Request::get("/healthz").body(Body::empty()).unwrap()).await.status, 200);
    assert!(house.issuer.registry().keys().await.unwrap_err().to_string().contains("store"));
}

async fn a_body_that_never_comes_is_given_up(on: On) {
    let house = House::new(on).await;
    tokio::time::pause();
    let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let answer = house.send(Request::post("/v1/sessions").header("origin", PAGE).body(body).unwrap()).await;
    assert_eq!(answer.refusal(), (400, "request_timeout"));
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
}

/// Chance that fails when a session needs its id.
#[derive(Debug, Default)]
struct Failing {
    inner: Seeded,
    now: AtomicBool,
}

impl Entropy for Failing {
    fn fill(&self, bytes: &mut [u8]) {
        assert!(!self.now.load(Ordering::SeqCst) || bytes.len() != 10, "no more chance");
        self.inner.fill(bytes);
    }
}

async fn a_panic_is_a_refusal_and_the_next_request_goes_on(on: On) {
    let entropy = Arc::new(Failing::default());
    let house = House::with(on, CATALOGUE, entropy.clone()).await;
    entropy.now.store(true, Ordering::SeqCst);
    assert_eq!(house.send(house.browser().request()).await.refusal(), (503, "issuer_unavailable"));
    entropy.now.store(false, Ordering::SeqCst);
    assert_eq!(house.send(house.browser().request()).await.status, 201);
}
