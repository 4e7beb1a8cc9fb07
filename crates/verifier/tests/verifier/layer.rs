use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, atomic::AtomicUsize};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::routing::{get, post};
use axum::{Json, Router};
use doorkey_core::JwkSet;
use doorkey_verifier::{KeySource, Policy, Principal, RequestId, RequireScope, Verifier, VerifierLayer};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::clock::ManualClock;
use crate::signer::{API, ISSUER, NOW, PAGE, Session, issuer_key};

const LIMIT: usize = 1000;

fn layer() -> VerifierLayer {
    layer_at(&ManualClock::at(NOW - 1))
}

/// A layer that was begun at the time of the clock, which then goes on by a second.
fn layer_at(clock: &Arc<ManualClock>) -> VerifierLayer {
    let other = "https://other.example".parse().unwrap();
    let policy =
        Policy::new(ISSUER, "https://first.example").unwrap().with_origin(API.parse().unwrap()).with_origin(other);
    let policy = policy.with_body_limit(LIMIT);
    let keys = KeySource::fixed(JwkSet::new([issuer_key().verifying_key()]));
    let layer = Verifier::new(policy).unwrap().with_keys(keys).with_clock(Arc::clone(clock) as _).into_layer();
    clock.advance(1);
    layer
}

fn session() -> Session {
    Session::new(ISSUER, &issuer_key(), "pictures:read")
}

fn signed(session: &Session, method: &str, target: &str, body: Option<&[u8]>) -> Request<Body> {
    session.request(method, target, body).map(Body::from)
}

/// An API that counts how often a handler runs.
fn api(calls: &Arc<AtomicUsize>) -> Router {
    let calls = Arc::clone(calls);
    let echo = async move |headers: HeaderMap, body: Bytes| {
        calls.fetch_add(1, Ordering::Relaxed);
        assert!(!headers.contains_key("authorization"), "the credential reached the handler");
        body
    };
    Router::new()
        .route("/echo", post(echo.clone()).get(echo))
        .route("/whoami", get(|principal: Principal| async { Json(principal) }))
        .route("/read", get(async || "read").layer(RequireScope::new("pictures:read").unwrap()))
        .route("/write", get(async || "written").layer(RequireScope::new("pictures:write").unwrap()))
        .layer(layer())
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

/// Sends, expects a refusal, and checks its whole form.
async fn refusal(app: &Router, request: Request<Body>) -> (u16, String) {
    let response = send(app, request).await;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["cache-control"], "no-store");
    let problem = json(response).await;
    let code = problem["code"].as_str().unwrap().to_owned();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:doorkey:error:{code}"));
    assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap());
    assert!(
        ["title", "detail", "hint"].iter().all(|member| problem[member].is_string()) && problem["server_time"].is_f64()
    );
    let challenge = headers.get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(challenge, (status == 401).then(|| format!("Doorkey error=\"{code}\"")));
    (status, code)
}

#[tokio::test]
async fn the_handler_gets_principal_and_body() {
    let calls = Arc::default();
    let app = api(&calls);
    let session = session();
    let response = send(&app, signed(&session, "POST", "/echo?x=1", Some(b"picture"))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], PAGE);
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "picture");
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    let principal = json(send(&app, signed(&session, "GET", "/whoami", None)).await).await;
    assert_eq!(principal["origin"], PAGE);
    assert_eq!(principal["environment"], "test");
    assert_eq!(principal["scopes"], serde_json::json!(["pictures:read"]));
    assert_eq!(principal["subject"], principal["key_id"]);
}

#[tokio::test]
async fn no_handler_runs_for_a_refused_request() {
    let calls = Arc::default();
    let app = api(&calls);
    let session = session();
    let bare = Request::builder().uri("/echo").body(Body::empty()).unwrap();
    assert_eq!(refusal(&app, bare).await, (401, "credential_missing".into()));
    let mut changed = signed(&session, "POST", "/echo", Some(b"picture"));
    *changed.body_mut() = Body::from("another");
    assert_eq!(refusal(&app, changed).await, (401, "digest_mismatch".into()));
    let mut unsigned_body = signed(&session, "POST", "/echo", None);
    *unsigned_body.body_mut() = Body::from("smuggled");
    assert_eq!(refusal(&app, unsigned_body).await, (401, "components_incomplete".into()));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_replay_is_refused_however_many_come_at_once() {
    let calls = Arc::default();
    let app = api(&calls);
    let session = session();
    let original = signed(&session, "GET", "/echo", None);
    let copies = (0..50).map(|_| {
        let mut copy = Request::builder().uri(original.uri().clone()).body(Body::empty()).unwrap();
        *copy.headers_mut() = original.headers().clone();
        tokio::spawn(app.clone().oneshot(copy))
    });
    let mut accepted = 0;
    for copy in copies.collect::<Vec<_>>() {
        let response = copy.await.unwrap().unwrap();
        if response.status() == StatusCode::OK {
            accepted += 1;
        } else {
            assert_eq!(json(response).await["code"], "replayed");
        }
    }
    assert_eq!((accepted, calls.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test]
async fn bodies_are_bounded_whether_they_say_so_or_not() {
    let calls = Arc::default();
    let app = api(&calls);
    let session = session();
    let fits = vec![7; LIMIT];
    assert_eq!(send(&app, signed(&session, "POST", "/echo", Some(&fits))).await.status(), StatusCode::OK);
    let large = vec![7; LIMIT + 1];
    assert_eq!(refusal(&app, signed(&session, "POST", "/echo", Some(&large))).await, (413, "body_too_large".into()));
    let mut announced = signed(&session, "POST", "/echo", Some(b"x"));
    announced.headers_mut().insert("content-length", 999_999_999_999_u64.into());
    assert_eq!(refusal(&app, announced).await, (413, "body_too_large".into()));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_route_is_for_those_who_have_its_scope() {
    let app = api(&Arc::default());
    let session = session();
    assert_eq!(send(&app, signed(&session, "GET", "/read", None)).await.status(), StatusCode::OK);
    assert_eq!(refusal(&app, signed(&session, "GET", "/write", None)).await, (403, "insufficient_scope".into()));
}

#[tokio::test]
async fn a_preflight_needs_no_signature() {
    let app = api(&Arc::default());
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri("/echo")
        .header("origin", PAGE)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-digest,signature,signature-input")
        .body(Body::empty())
        .unwrap();
    let response = send(&app, preflight).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    assert_eq!(headers["access-control-allow-methods"], "PUT");
    assert_eq!(headers["access-control-max-age"], "7200");
    assert!(headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    let vary: Vec<_> = headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(vary.join(",").contains("origin"), "{vary:?}");
}

#[tokio::test]
async fn a_nested_router_sees_the_path_that_was_signed() {
    let inner = Router::new().route("/echo", get(async || "ok")).layer(layer());
    let app = Router::new().nest("/v1", inner);
    assert_eq!(send(&app, signed(&session(), "GET", "/v1/echo", None)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_absolute_form_is_refused() {
    let app = api(&Arc::default());
    let mut request = signed(&session(), "GET", "/echo", None);
    *request.uri_mut() = "http://api.example.com/echo".parse().unwrap();
    assert_eq!(refusal(&app, request).await, (400, "malformed_request".into()));
}

#[tokio::test]
async fn a_route_without_a_verifier_fails_closed() {
    let app = Router::new()
        .route("/whoami", get(|principal: Principal| async { Json(principal) }))
        .route("/guarded", get(async || "ok").layer(RequireScope::new("pictures:read").unwrap()));
    for path in ["/whoami", "/guarded"] {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(refusal(&app, request).await, (401, "credential_missing".into()));
    }
}

#[tokio::test]
async fn a_handler_s_refusal_has_the_request_s_id() {
    let handler = async |id: axum::Extension<RequestId>| {
        let error = doorkey_verifier::Error::new(doorkey_verifier::ErrorCode::NotFound, id.as_str().to_owned());
        doorkey_verifier::Refusal::from(error)
    };
    let app = Router::new().route("/", get(handler)).layer(layer());
    let response = send(&app, signed(&session(), "GET", "/", None)).await;
    assert_eq!(response.headers().get_all("x-request-id").iter().count(), 1);
    let problem = json(response).await;
    assert_eq!((&problem["code"], &problem["request_id"]), (&"not_found".into(), &problem["detail"]));
}

#[tokio::test]
async fn a_caller_cannot_choose_the_request_id() {
    let app = Router::new()
        .route(
            "/",
            get(|request: axum::extract::Request| async move {
                request.extensions().get::<RequestId>().unwrap().as_str().to_owned()
            }),
        )
        .layer(layer());
    let mut request = signed(&session(), "GET", "/", None);
    request.headers_mut().insert("x-request-id", "chosen".parse().unwrap());
    let response = send(&app, request).await;
    let id = response.headers()["x-request-id"].clone();
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), id.as_bytes());
    assert_ne!(id, "chosen");
}

#[tokio::test]
async fn what_was_signed_before_a_restart_is_not_accepted_after_it() {
    let app = |clock: &_| Router::new().route("/", get(async || "ok")).layer(layer_at(clock));
    let session = session();
    let captured = session.request("GET", "/", None);
    let copy = || {
        let mut copy = Request::get("/").body(Body::empty()).unwrap();
        *copy.headers_mut() = captured.headers().clone();
        copy
    };
    let clock = ManualClock::at(NOW - 1);
    let before = app(&clock);
    assert_eq!(send(&before, copy()).await.status(), StatusCode::OK);
    assert_eq!(refusal(&before, copy()).await, (401, "replayed".into()));
    // Within the same second.
    assert_eq!(refusal(&app(&clock), copy()).await, (401, "window_invalid".into()));
}

#[tokio::test]
async fn http_2_names_its_origin_in_the_target() {
    let app = Router::new().route("/echo", get(async || "ok")).layer(layer());
    let mut request = signed(&session(), "GET", "/echo", None);
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = "https://api.example.com/echo".parse().unwrap();
    request.headers_mut().remove("host");
    assert_eq!(send(&app, request).await.status(), StatusCode::OK);
}

/// A body that comes when somebody sends it; the first look at it is told.
struct Coming {
    awaited: Option<oneshot::Sender<()>>,
    bytes: Option<oneshot::Receiver<Bytes>>,
}

impl http_body::Body for Coming {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(awaited) = self.awaited.take() {
            awaited.send(()).unwrap();
        }
        let Some(bytes) = &mut self.bytes else { return Poll::Ready(None) };
        let bytes = std::task::ready!(Pin::new(bytes).poll(cx)).unwrap();
        self.bytes = None;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn a_body_may_come_long_after_its_proof_has_expired() {
    let clock = ManualClock::at(NOW - 1);
    let echo = async |body: Bytes| body;
    let app = Router::new().route("/echo", post(echo)).layer(layer_at(&clock));
    let session = session();
    let (parts, _) = signed(&session, "POST", "/echo", Some(b"picture")).into_parts();
    let copy = || {
        let mut copy = Request::post("/echo").body(Body::from("picture")).unwrap();
        *copy.headers_mut() = parts.headers.clone();
        copy
    };
    let (awaited, is_awaited) = oneshot::channel();
    let (sender, bytes) = oneshot::channel();
    let body = Body::new(Coming { awaited: Some(awaited), bytes: Some(bytes) });
    let slow = tokio::spawn(app.clone().oneshot(copy().map(|_| body)));
    is_awaited.await.unwrap();
    assert_eq!(refusal(&app, copy()).await, (401, "replayed".into()), "while the body is on its way");
    // The token has expired by then, too.
    clock.advance(600);
    sender.send(Bytes::from_static(b"picture")).unwrap();
    let response = slow.await.unwrap().unwrap();
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "picture");
    assert_eq!(refusal(&app, copy()).await, (401, "token_expired".into()));
}

#[tokio::test]
async fn a_wrong_body_uses_the_proof_up() {
    let app = api(&Arc::default());
    let (parts, _) = signed(&session(), "POST", "/echo", Some(b"picture")).into_parts();
    let with = |body: &'static str| {
        let mut request = Request::post("/echo").body(Body::from(body)).unwrap();
        *request.headers_mut() = parts.headers.clone();
        request
    };
    assert_eq!(refusal(&app, with("another")).await, (401, "digest_mismatch".into()));
    assert_eq!(refusal(&app, with("picture")).await, (401, "replayed".into()));
}
