//! The layer with a directory behind it: what a router's handlers get to see.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::OriginalUri;
use axum::routing::{get, post};
use doorkey_core::{Nonce, RequestTarget, UnsignedUrl};
use doorkey_verifier::{
    Directory, DirectoryKey, Limits, Outage, Policy, Principal, Redis, SharedReplay, SystemClock, Verifier,
};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::clock::ManualClock;
use crate::known::{bearer, directory, key, publishable, secret, secret_key, settings, signed, synced};
use crate::signer::{API, ISSUER, NOW, PAGE, Session, issuer_key, moment};

fn app(directory: &Arc<Directory>) -> Router {
    let policy = Policy::new(ISSUER, API).unwrap().with_body_limit(10).with_api_key_parameter();
    let clock = ManualClock::at(NOW - 1);
    let verifier =
        Verifier::new(policy).unwrap().with_directory(Arc::clone(directory)).with_clock(Arc::clone(&clock) as _);
    let inner = Router::new().route("/inner/{id}", get(shown));
    Router::new()
        .route("/shown", get(shown).options(shown))
        .route("/length", post(async |body: Body| to_bytes(body, 1 << 20).await.unwrap().len().to_string()))
        .route("/whoami", get(async |principal: Principal| principal.key_id().to_string()))
        .nest("/nested", inner)
        .layer({
            let layer = verifier.into_layer();
            clock.advance(1);
            layer
        })
}

/// All that a handler sees of the address and the credential.
async fn shown(uri: Uri, OriginalUri(original): OriginalUri, headers: HeaderMap) -> String {
    format!("{uri} {original} {}", headers.contains_key("authorization"))
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

fn shows_key(method: &str, target: &str, body: impl Into<Body>) -> Request<Body> {
    let value = bearer().headers()["authorization"].clone();
    Request::builder().method(method).uri(target).header("authorization", value).body(body.into()).unwrap()
}

#[tokio::test]
async fn no_handler_sees_a_credential_wherever_it_stood() {
    let app = app(&directory());
    assert_eq!(
        text(send(&app, shows_key("GET", "/shown?a=1", Body::empty())).await).await,
        "/shown?a=1 /shown?a=1 false"
    );
    let secret_key = secret_key().to_key_string();
    for (target, seen) in [
        (format!("/shown?a=1&api_key={}&b=2", *secret_key), "/shown?a=1&b=2 /shown?a=1&b=2 false"),
        (format!("/shown?api_key={}", *secret_key), "/shown /shown false"),
        (
            format!("/nested/inner/x%2Fy?api_key={}&api_key=theirs", *secret_key),
            "/inner/x%2Fy?api_key=theirs /nested/inner/x%2Fy?api_key=theirs false",
        ),
    ] {
        let request = Request::get(&target).body(Body::empty()).unwrap();
        assert_eq!(text(send(&app, request).await).await, seen);
    }
    let session = Session::new(ISSUER, &issuer_key(), "pictures:read");
    let target = RequestTarget::parse("/shown?size=2").unwrap();
    let key = session.key();
    let url = UnsignedUrl::new(
        "api.example.com",
        target,
        session.token(),
        *key.verifying_key().as_bytes(),
        Nonce::new([1; 12], 1),
        NOW,
        60,
    );
    let url = url.unwrap();
    let signature = key.sign(url.base().as_bytes());
    let request = Request::get(url.into_target(&signature)).body(Body::empty()).unwrap();
    assert_eq!(text(send(&app, request).await).await, "/shown?size=2 /shown?size=2 false");
}

#[tokio::test]
async fn what_nothing_covers_is_not_read_before_the_handler() {
    let app = app(&directory());
    // Larger than what the verifier would read, and it has begun before the end was sent.
    let body = Body::from(vec![7; 5000]);
    assert_eq!(text(send(&app, shows_key("POST", "/length", body)).await).await, "5000");
}

#[tokio::test]
async fn a_key_that_was_made_a_moment_ago_is_waited_for() {
    let directory = Arc::new(Directory::new(std::time::Duration::from_secs(10)));
    let begin = doorkey_verifier::DirectoryBegin { history: "h".into(), since: 0 };
    let begin = doorkey_verifier::DirectoryLine::Begin(begin);
    directory.apply([begin, key(publishable()), synced(1)], moment(NOW - 1)).unwrap();
    let app = app(&directory);
    let request = tokio::spawn(app.clone().oneshot(shows_key("GET", "/whoami", Body::empty())));
    let news = tokio::spawn(async move {
        // News of before the request are no answer yet, those of after it are.
        directory.apply([synced(2)], moment(NOW - 1)).unwrap();
        tokio::task::yield_now().await;
        directory.apply([key(secret()), synced(3)], moment(NOW)).unwrap();
    });
    assert_eq!(text(request.await.unwrap().unwrap()).await, secret_key().id().to_string());
    news.await.unwrap();
}

#[tokio::test]
async fn the_issuer_s_first_word_is_waited_for() {
    let session = Session::new(ISSUER, &issuer_key(), "pictures:read");
    for request in [shows_key("GET", "/whoami", Body::empty()), session.request("GET", "/whoami", None).map(Body::from)]
    {
        let directory = Arc::new(Directory::new(std::time::Duration::from_secs(10)));
        let waiting = tokio::spawn(app(&directory).oneshot(request));
        let news = tokio::spawn(async move {
            let begin = doorkey_verifier::DirectoryBegin { history: "h".into(), since: 0 };
            let begin = doorkey_verifier::DirectoryLine::Begin(begin);
            // It was asked for before the request came.
            let settings = doorkey_verifier::DirectoryLine::Settings(Box::new(settings()));
            let lines = [begin, settings, key(publishable()), key(secret()), synced(1)];
            directory.apply(lines, moment(NOW - 1)).unwrap();
        });
        assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
        news.await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_there_is_not_is_waited_for_once() {
    let directory = directory();
    directory.apply([key(DirectoryKey { public_key: None, ..secret() })], moment(NOW)).unwrap();
    let response = send(&app(&directory), shows_key("GET", "/whoami", Body::empty())).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(text(response).await.contains("key_unknown"));
}

#[tokio::test]
async fn preflights_are_for_origins_that_some_key_allows() {
    let app = app(&directory());
    let preflight = |origin: &str| {
        Request::options("/shown").header("origin", origin).header("access-control-request-method", "PUT")
    };
    for (origin, is_allowed) in
        [(PAGE, true), ("http://localhost:3000", true), ("https://evil.example", false), ("null", false)]
    {
        let response = send(&app, preflight(origin).body(Body::empty()).unwrap()).await;
        let allowed = response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, is_allowed.then_some(origin));
    }
    // An OPTIONS that asks for something else is a request like others.
    let bare = Request::options("/shown").header("origin", PAGE).body(Body::empty()).unwrap();
    assert_eq!(send(&app, bare).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, shows_key("OPTIONS", "/shown", Body::empty())).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_share_what_memory_there_is() {
    let policy = Policy::new(ISSUER, API).unwrap();
    let clock = ManualClock::at(NOW - 1);
    // One body of the policy's limit fits, whatever was asked for.
    let verifier = Verifier::new(policy.with_body_limit(5000)).unwrap().with_directory(directory()).with_body_memory(1);
    let verifier = verifier.with_clock(Arc::clone(&clock) as _);
    let (goes_on, may_go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (told, waits) = (Arc::clone(&goes_on), Arc::clone(&may_go));
    let app = Router::new()
        .route("/", post(async |body: axum::body::Bytes| body.len().to_string()))
        .route(
            "/slow",
            post(async move |body: axum::body::Bytes| {
                told.add_permits(1);
                waits.acquire().await.unwrap().forget();
                body.len().to_string()
            }),
        )
        .layer(verifier.into_layer());
    clock.advance(1);
    let session = Session::new(ISSUER, &issuer_key(), "pictures:read");
    let upload = |target, length| session.request("POST", target, Some(&vec![7; length])).map(Body::from);
    for _ in 0..3 {
        assert_eq!(text(send(&app, upload("/", 5000)).await).await, "5000", "what was held is given back");
    }
    let held = tokio::spawn(app.clone().oneshot(upload("/slow", 4096)));
    goes_on.acquire().await.unwrap().forget();
    let response = send(&app, upload("/", 1025)).await;
    may_go.add_permits(1);
    assert_eq!(text(held.await.unwrap().unwrap()).await, "4096");
    assert_eq!(
        (response.status(), response.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "1")
    );
}

#[tokio::test]
async fn a_limit_is_charged_once_for_what_was_let_through() {
    let directory = directory();
    let limited = DirectoryKey { rate_limit: doorkey_verifier::RateLimit::new(2, 86_400), ..publishable() };
    directory.apply([key(limited)], moment(NOW)).unwrap();
    let app = app(&directory);
    let session = Session::new(ISSUER, &issuer_key(), "pictures:read");
    let first = session.request("GET", "/shown", None);
    let again = || {
        let mut request = Request::get("/shown").body(Body::empty()).unwrap();
        *request.headers_mut() = first.headers().clone();
        request
    };
    let response = send(&app, again()).await;
    assert_eq!(response.headers()["ratelimit-policy"], "\"key\";q=2;w=86400");
    assert!(response.headers()["ratelimit"].to_str().unwrap().starts_with("\"key\";r=1;t="));
    for _ in 0..5 {
        assert!(text(send(&app, again()).await).await.contains("\"replayed\""));
    }
    let fresh = || session.request("GET", "/shown", None).map(Body::from);
    assert_eq!(send(&app, fresh()).await.status(), StatusCode::OK);
    let refused = send(&app, fresh()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["access-control-allow-origin"], PAGE);
    assert!(text(refused).await.contains("\"rate_limited\""));
}

#[tokio::test]
async fn whose_proof_is_used_up_is_charged_whatever_comes_of_its_body() {
    let directory = directory();
    let limited = DirectoryKey { rate_limit: doorkey_verifier::RateLimit::new(2, 86_400), ..publishable() };
    directory.apply([key(limited)], moment(NOW)).unwrap();
    let app = app(&directory);
    let session = Session::new(ISSUER, &issuer_key(), "pictures:read");
    let wrong = || session.request("POST", "/length", Some(b"picture")).map(|_| Body::from("another"));
    for code in ["digest_mismatch", "digest_mismatch", "rate_limited"] {
        let answer = text(send(&app, wrong()).await).await;
        assert!(answer.contains(&format!("\"{code}\"")), "{answer}");
    }
}

/// A Redis that is reached and never answers; it says each time that somebody connects.
async fn silent_redis() -> (Redis, tokio::sync::mpsc::UnboundedReceiver<tokio::net::TcpStream>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let (sender, connected) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(sender.send(stream));
        }
    });
    (Redis::new(&url, Arc::new(SystemClock)).unwrap(), connected)
}

fn begun(verifier: Verifier) -> Router {
    let clock = ManualClock::at(NOW - 1);
    let layer = verifier.with_clock(Arc::clone(&clock) as _).into_layer();
    clock.advance(1);
    Router::new().route("/pictures", get(async || "ok")).layer(layer)
}

#[tokio::test]
async fn what_is_revoked_while_a_store_answers_is_not_accepted() {
    let (redis, mut connected) = silent_redis().await;
    let directory = directory();
    let limited = || DirectoryKey { rate_limit: doorkey_verifier::RateLimit::new(100, 60), ..secret() };
    directory.apply([key(limited())], moment(NOW)).unwrap();
    let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap()).unwrap().with_directory(Arc::clone(&directory));
    let app = begun(verifier.with_limits(Limits::new().with_redis(redis, Outage::CountLocally)));
    let waiting = tokio::spawn(app.oneshot(bearer().map(Body::from)));
    let stream = connected.recv().await;
    directory.apply([key(DirectoryKey { revoked: true, ..limited() })], moment(NOW)).unwrap();
    assert!(text(waiting.await.unwrap().unwrap()).await.contains("\"key_revoked\""));
    drop(stream);
}

#[tokio::test]
async fn who_hangs_up_uses_up_nothing() {
    let (redis, mut connected) = silent_redis().await;
    let directory = directory();
    directory
        .apply([key(DirectoryKey { rate_limit: doorkey_verifier::RateLimit::new(1, 86_400), ..secret() })], moment(NOW))
        .unwrap();
    let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap()).unwrap().with_directory(directory);
    let app = begun(verifier.with_shared_replay(SharedReplay::new(redis)));
    let hung_up = tokio::spawn(app.clone().oneshot(signed(1).map(Body::from)));
    let stream = connected.recv().await;
    hung_up.abort();
    assert!(hung_up.await.unwrap_err().is_cancelled());
    let next = app.oneshot(signed(2).map(Body::from)).await.unwrap();
    assert!(text(next).await.contains("\"replay_store_unavailable\""), "not rate_limited");
    drop(stream);
}
