//! Three issuers on one Postgres, three verifiers on one Redis, and somebody who revokes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use doorkey_core::{KeyId, Nonce, ProofKey, ProofRequest, RequestTarget, SecretKey, UnsignedProof, VerifierCredential};
use doorkey_servers::{Postgres, Redis as RedisServer};
use doorkey_verifier::{
    Clock, IssuerClient, IssuerLink, Limits, Outage, Policy, Principal, Redis, SharedReplay, SystemClock, Verifier,
};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::house::{House, Server};

/// What keys and tokens call the issuer, wherever its processes listen.
const ISSUER: &str = "http://localhost:7700";
pub(crate) const API: &str = "http://localhost:7701";
/// How often each key is used at each verifier.
const PACE: Duration = Duration::from_millis(2);

/// All of it.
pub(crate) struct Fleet {
    #[allow(dead_code, reason = "the tests stop it, the benchmark keeps it alive")]
    pub(crate) postgres: Postgres,
    pub(crate) redis: RedisServer,
    pub(crate) house: House,
    pub(crate) issuers: Vec<Server>,
    pub(crate) nodes: Vec<Node>,
    cookie: String,
    workspace: String,
    max_staleness: Duration,
}

/// A verifier before an API.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) link: IssuerLink,
}

impl Node {
    /// Who was let in, or the code of the refusal.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<(), String> {
        let response = self.router.clone().oneshot(request).await.unwrap();
        if response.status() == 200 {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1 << 16).await.unwrap()).unwrap();
        Err(problem["code"].as_str().unwrap().to_owned())
    }

    /// Uses a secret key again and again until it is refused with one of these codes; when it was last accepted.
    pub(crate) async fn use_until(&self, authorization: &str, codes: &[&str]) -> Option<Instant> {
        let mut last = None;
        loop {
            match self.call(bearer(authorization)).await {
                Ok(()) => last = Some(now()),
                Err(code) if codes.contains(&&*code) => return last,
                Err(_) => {}
            }
            tokio::time::sleep(PACE).await;
        }
    }

    /// Waits until a secret key is accepted.
    pub(crate) async fn accepts(&self, authorization: &str) {
        while self.call(bearer(authorization)).await.is_err() {
            tokio::time::sleep(PACE).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is about how long things take")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn bearer(authorization: &str) -> Request<Body> {
    Request::get("/").header("authorization", authorization).body(Body::empty()).unwrap()
}

impl Fleet {
    /// Starts everything; each verifier follows another issuer.
    pub(crate) async fn start(max_staleness: Duration) -> Self {
        let postgres = Postgres::start();
        let redis = RedisServer::start();
        let house = House::on(&postgres.create_database());
        let serve = || {
            let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--public-url", ISSUER, "--audience", API];
            house.serve_with(house.doorkey(&arguments))
        };
        let first = serve();
        let issuers: Vec<Server> = [first].into_iter().chain((1..3).map(|_| serve())).collect();
        // Each start makes the link anew.
        let cookie = set_up(&issuers[2]);
        let keys: Value = serde_json::from_str(&house.print(&["keys", "list", "--json"])).unwrap();
        let workspace = keys[0]["workspace"].as_str().unwrap().to_owned();
        let mut fleet = Self { postgres, redis, house, issuers, nodes: Vec::new(), cookie, workspace, max_staleness };
        for number in 0..3 {
            let node = fleet.node(number).await;
            fleet.nodes.push(node);
        }
        for node in &fleet.nodes {
            node.link.synced().await;
        }
        fleet
    }

    async fn node(&self, number: usize) -> Node {
        let name = format!("verifier-{number}");
        let credential = self.house.print(&["verifiers", "add", &name]);
        let credential = VerifierCredential::parse(&credential).unwrap();
        let url = format!("http://{}", self.issuers[number].ready["address"].as_str().unwrap());
        let link = IssuerClient::new(credential)
            .with_url(url.parse().unwrap())
            .with_data(self.house.path(&name))
            .with_max_staleness(self.max_staleness)
            .connect()
            .await
            .unwrap();
        let redis = Redis::new(self.redis.url(), Arc::new(SystemClock)).unwrap();
        let limits = Limits::new().with_redis(redis.clone(), Outage::Refuse);
        let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap())
            .unwrap()
            .with_issuer(link.clone())
            .with_limits(limits)
            .with_shared_replay(SharedReplay::new(redis));
        let layer = verifier.into_layer();
        let router =
            Router::new().route("/", get(async |_: Principal| "ok").post(async |_: Principal| "ok")).layer(layer);
        Node { router, link }
    }

    /// A new secret key, by way of one of the issuers.
    pub(crate) fn create_key(&self, issuer: usize, more: &Value) -> SecretKey {
        let mut body = json!({ "workspace": self.workspace, "kind": "secret", "environment": "test" });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let created = rest(&self.issuers[issuer], "POST", "/v1/keys", &self.cookie, Some(&body));
        SecretKey::parse(created["secret"].as_str().unwrap_or_else(|| panic!("{created}"))).unwrap()
    }

    /// Revokes a key at one of the issuers; it is done when this returns.
    pub(crate) fn revoke(&self, issuer: usize, key: KeyId) {
        let revoked = rest(&self.issuers[issuer], "POST", &format!("/v1/keys/{key}/revoke"), &self.cookie, None);
        assert_eq!(revoked["state"], "revoked", "{revoked}");
    }

    /// For how long a key was still accepted anywhere after one issuer had revoked it, with requests flowing.
    pub(crate) async fn revocation(&self, number: usize) -> Duration {
        let key = self.create_key(number % 3, &Value::Null);
        let authorization = format!("Bearer {}", *key.to_key_string());
        for node in &self.nodes {
            node.accepts(&authorization).await;
        }
        let users = self.nodes.iter().cloned().map(|node| {
            let authorization = authorization.clone();
            tokio::spawn(async move { node.use_until(&authorization, &["key_revoked"]).await })
        });
        let users: Vec<_> = users.collect();
        let revoked_at = tokio::task::block_in_place(|| {
            self.revoke((number + 1) % 3, key.id());
            now()
        });
        let mut late = Duration::ZERO;
        for user in users {
            if let Some(last) = user.await.unwrap() {
                late = late.max(last.saturating_duration_since(revoked_at));
            }
        }
        late
    }
}

impl Fleet {
    /// Sends requests that a key has signed to two verifiers each, at once; how often one, and how often none, accepted.
    /// Panics if both did.
    pub(crate) async fn replays(&self, count: u64) -> (u64, u64) {
        let key = Arc::new(self.create_key(0, &Value::Null));
        let authorization = format!("Bearer {}", *key.to_key_string());
        for node in &self.nodes {
            node.accepts(&authorization).await;
        }
        // A store that was just begun pauses first.
        let mut counter = u64::MAX >> 16;
        while self.nodes[0].call(signed(&key, counter)).await.is_err() {
            counter -= 1;
            tokio::time::sleep(PACE).await;
        }
        let (mut once, mut never) = (0, 0);
        for counter in 0..count {
            let pair = [0, 1].map(|which| {
                let (node, key) =
                    (self.nodes[(usize::try_from(counter).unwrap() + which) % 3].clone(), Arc::clone(&key));
                tokio::spawn(async move { node.call(signed(&key, counter)).await.is_ok() })
            });
            let mut accepted = 0;
            for one in pair {
                accepted += u64::from(one.await.unwrap());
            }
            assert!(accepted < 2, "two verifiers accepted one request");
            if accepted == 1 { once += 1 } else { never += 1 }
        }
        (once, never)
    }

    /// Uses a key with a limit of so many requests a second at all verifiers, as fast as it goes, for so many whole
    /// seconds; how many were let through in them.
    pub(crate) async fn let_through(&self, limit: u64, seconds: u64) -> u64 {
        let key = self.create_key(0, &json!({ "rate_limit": { "requests": limit, "period": 1 } }));
        let authorization = format!("Bearer {}", *key.to_key_string());
        for node in &self.nodes {
            node.accepts(&authorization).await;
        }
        // From the beginning of the next second on.
        let begin = SystemClock.now() + 1;
        let users = (0..6).map(|which| {
            let (node, authorization) = (self.nodes[which % 3].clone(), authorization.clone());
            tokio::spawn(async move {
                let mut accepted = 0;
                while SystemClock.now() < begin + seconds {
                    let is_after_begin = SystemClock.now() >= begin;
                    let is_accepted = node.call(bearer(&authorization)).await.is_ok();
                    // One that was decided in the next second counts there.
                    let is_before_end = SystemClock.now() < begin + seconds;
                    accepted += u64::from(is_accepted && is_after_begin && is_before_end);
                    tokio::task::yield_now().await;
                }
                accepted
            })
        });
        let users: Vec<_> = users.collect();
        let mut accepted = 0;
        for user in users {
            accepted += user.await.unwrap();
        }
        accepted
    }

    /// What the issuer says that a key was used for.
    #[allow(dead_code, reason = "the tests use it, the benchmark does not")]
    pub(crate) fn usage(&self, key: KeyId) -> Value {
        rest(&self.issuers[1], "GET", &format!("/v1/keys/{key}/usage"), &self.cookie, None)
    }
}

/// A request that a secret key has signed.
fn signed(key: &SecretKey, counter: u64) -> Request<Body> {
    let covered = ProofRequest {
        method: "GET",
        authority: API.strip_prefix("http://").unwrap(),
        target: RequestTarget::parse("/").unwrap(),
        authorization: None,
        body: None,
    };
    let nonce = Nonce::new([5; 12], counter);
    let proof = UnsignedProof::new(&covered, ProofKey::Secret(key.id()), nonce, SystemClock.now(), 30).unwrap();
    let signature = UnsignedProof::signature(&key.signing_key().sign(proof.base().as_bytes()));
    let request = Request::get("/").header("signature-input", proof.signature_input()).header("signature", signature);
    request.body(Body::empty()).unwrap()
}

/// Makes the first admin, and yields the cookie of the sign-in.
fn set_up(issuer: &Server) -> String {
    let link = issuer.ready["setup_url"].as_str().unwrap();
    let (_, token) = link.split_once("#token=").unwrap();
    let body = json!({
        "token": token, "email": "ada@example.com", "name": "Ada", "password": "a long enough passphrase for this",
    });
    let (head, _) = exchange(issuer, "POST", "/v1/setup", "", Some(&body));
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{head}"));
    cookie.split(';').next().unwrap().to_owned()
}

fn rest(issuer: &Server, method: &str, path: &str, cookie: &str, body: Option<&Value>) -> Value {
    let (_, body) = exchange(issuer, method, path, cookie, body);
    serde_json::from_str(&body).unwrap_or_default()
}

fn exchange(issuer: &Server, method: &str, path: &str, cookie: &str, body: Option<&Value>) -> (String, String) {
    let mut stream = TcpStream::connect(issuer.ready["address"].as_str().unwrap()).unwrap();
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost:7700\r\norigin: {ISSUER}\r\nconnection: close\r\n");
    let request =
        format!("{head}cookie: {cookie}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
