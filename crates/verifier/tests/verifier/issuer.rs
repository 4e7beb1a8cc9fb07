//! An issuer that says what a test wants it to, to verifiers that sign their requests.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use doorkey_core::{
    ContentDigest, Origin, Proof, ProofBody, ProofKey, ProofRequest, RequestTarget, SigningKey, VerifierCredential,
    VerifierId,
};
use doorkey_verifier::{IssuerClient, UsageReport};
use http_body::Frame;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What keys and credentials name; where the issuer listens is another matter.
pub(crate) const AUTHORITY: &str = "keys.example.com";

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn credential() -> VerifierCredential {
    VerifierCredential::new(
        VerifierId::from_parts(1, [6; 10]),
        AUTHORITY.parse().unwrap(),
        SigningKey::from_seed(&[6; 32]),
    )
}

/// A stream that a verifier asked for.
pub(crate) struct Stream {
    pub(crate) query: String,
    pieces: UnboundedSender<Option<Bytes>>,
}

impl Stream {
    pub(crate) fn say(&self, lines: &str) {
        self.pieces.send(Some(Bytes::copy_from_slice(lines.as_bytes()))).unwrap();
    }

    /// The connection breaks; to drop the stream ends it as it should end.
    pub(crate) fn cut(self) {
        self.pieces.send(None).unwrap();
    }
}

struct Pieces(UnboundedReceiver<Option<Bytes>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| match piece? {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => Some(Err(std::io::ErrorKind::ConnectionAborted.into())),
        })
    }
}

/// What becomes of a report.
#[derive(Clone, Copy)]
pub(crate) enum Taking {
    /// It is taken once, in order.
    Once,
    /// It is taken, and the answer is lost.
    AndFallingSilent,
    /// It is answered with this status, and not taken.
    Refusing(u16),
}

#[derive(Default)]
pub(crate) struct Usage {
    /// How many batches of each series were taken.
    pub(crate) taken: BTreeMap<String, u64>,
    /// What was counted of each outcome.
    pub(crate) counted: HashMap<String, u64>,
    /// How many reports came, in whatever state.
    pub(crate) tries: usize,
}

struct Doors {
    streams: UnboundedSender<Stream>,
    refuse_with: Mutex<Option<&'static str>>,
    taking: Mutex<Taking>,
    usage: Mutex<Usage>,
    nonces: Mutex<HashSet<[u8; 18]>>,
    /// The time here, where it matters.
    time: Mutex<Option<u64>>,
}

pub(crate) struct Issuer {
    url: Origin,
    streams: UnboundedReceiver<Stream>,
    doors: Arc<Doors>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let (sender, streams) = unbounded_channel();
        let doors = Arc::new(Doors {
            streams: sender,
            refuse_with: Mutex::default(),
            taking: Mutex::new(Taking::Once),
            usage: Mutex::default(),
            nonces: Mutex::default(),
            time: Mutex::default(),
        });
        let app = Router::new()
            .route("/v1/directory", get(directory))
            .route("/v1/usage", post(usage))
            .with_state(Arc::clone(&doors));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, streams, doors }
    }

    /// A client that finds the issuer here.
    pub(crate) fn client(&self) -> IssuerClient {
        // Clocks that stand still do not go with the machine's own.
        let client = IssuerClient::new(credential()).with_proc("/nowhere".into());
        client.with_url(self.url.clone()).with_tick(Duration::from_millis(5))
    }

    /// The next stream that is asked for.
    pub(crate) async fn stream(&mut self) -> Stream {
        tokio::time::timeout(PATIENCE, self.streams.recv()).await.unwrap().unwrap()
    }

    /// Refuses streams with a code, or no longer.
    pub(crate) fn refuses(&self, code: Option<&'static str>) {
        *self.doors.refuse_with.lock().unwrap() = code;
    }

    /// Takes only streams that are asked for within half a minute of this time.
    pub(crate) fn is_at(&self, time: u64) {
        *self.doors.time.lock().unwrap() = Some(time);
    }

    pub(crate) fn takes(&self, taking: Taking) {
        *self.doors.taking.lock().unwrap() = taking;
    }

    pub(crate) fn usage<T>(&self, look: impl FnOnce(&mut Usage) -> T) -> T {
        look(&mut self.doors.usage.lock().unwrap())
    }

    /// How often the outcome was counted.
    pub(crate) fn counted(&self, outcome: &str) -> u64 {
        self.usage(|usage| usage.counted.get(outcome).copied().unwrap_or(0))
    }
}

/// Looks until it is so; others go on in between.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap();
}

/// When the request says that it was signed. Panics unless it is signed by the verifier, for the issuer's own authority, and no other one's copy.
fn check(doors: &Doors, request: &axum::http::request::Parts, body: &[u8]) -> u64 {
    let value = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
    let (input, signature) = (value("signature-input").unwrap(), value("signature").unwrap());
    let proof = Proof::parse(input, signature).unwrap();
    assert_eq!(proof.key(), ProofKey::Verifier(credential().id()));
    assert_eq!(proof.covers_body(), !body.is_empty());
    let digest = value("content-digest");
    if let Some(digest) = digest {
        assert_eq!(ContentDigest::parse(digest).unwrap(), ContentDigest::of(body));
        assert_eq!(value("content-type"), Some("application/json"));
    }
    let covered = ProofRequest {
        method: request.method.as_str(),
        authority: AUTHORITY,
        target: RequestTarget::parse(request.uri.path_and_query().unwrap().as_str()).unwrap(),
        authorization: value("authorization"),
        body: digest.map(|content_digest| ProofBody { content_type: "application/json", content_digest }),
    };
    assert!(doors.nonces.lock().unwrap().insert(*proof.nonce().as_bytes()));
    proof.verify(&credential().signing_key().verifying_key(), &covered).unwrap();
    proof.created()
}

async fn directory(State(doors): State<Arc<Doors>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let created = check(&doors, &parts, b"");
    if let Some(time) = *doors.time.lock().unwrap()
        && created.abs_diff(time) > 30
    {
        let problem = format!("{{\"code\":\"window_invalid\",\"server_time\":{time}.5}}");
        return (StatusCode::UNAUTHORIZED, problem).into_response();
    }
    if let Some(code) = *doors.refuse_with.lock().unwrap() {
        return (StatusCode::UNAUTHORIZED, format!("{{\"code\":\"{code}\"}}")).into_response();
    }
    let (sender, pieces) = unbounded_channel();
    let stream = Stream { query: parts.uri.query().unwrap().into(), pieces: sender };
    let _ = doors.streams.send(stream);
    Body::new(Pieces(pieces)).into_response()
}

async fn usage(State(doors): State<Arc<Doors>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    check(&doors, &parts, &body);
    let report: UsageReport = serde_json::from_slice(&body).unwrap();
    assert!(report.spool.len() == 16 && report.counts.len() <= UsageReport::MAX);
    let taking = *doors.taking.lock().unwrap();
    doors.usage.lock().unwrap().tries += 1;
    if let Taking::Refusing(status) = taking {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    {
        let mut usage = doors.usage.lock().unwrap();
        let taken = usage.taken.entry(report.spool).or_default();
        if report.sequence > *taken + 1 {
            return StatusCode::CONFLICT.into_response();
        }
        if report.sequence == *taken + 1 {
            *taken += 1;
            for count in report.counts {
                *usage.counted.entry(count.outcome.to_string()).or_default() += count.count;
            }
        }
    }
    if matches!(taking, Taking::AndFallingSilent) {
        std::future::pending::<()>().await;
    }
    StatusCode::NO_CONTENT.into_response()
}
