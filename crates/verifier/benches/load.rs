//! A server under full load, with the verifier in front and without it, in turn: `cargo xtask bench load`.
//!
//! Clients and server share the machine, so the ratio and the difference count, and whether memory stays flat. Half of
//! the requests are signed by one of many sessions, half show a secret key. `-- SECONDS` sets how long; exits with 1 over
//! the budget.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use doorkey_core::token::{Confirmation, DoorkeyClaims, issue};
use doorkey_core::{
    Claims, Environment, JwkSet, KeyId, KeyKind, Nonce, OrganizationId, ProofKey, ProofRequest, RequestTarget,
    SecretKey, SessionId, SigningKey, Thumbprint, UnsignedProof, WorkspaceId, sha256,
};
use doorkey_verifier::{
    Clock, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySettings, DirectorySynced, Policy,
    PublicKey, RateLimit, SystemClock, Verifier, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const API: &str = "http://localhost:7701";
const ISSUER: &str = "http://localhost:7700";
const SESSIONS: u64 = 1000;
const CONNECTIONS: u64 = 8;
const ROUND: Duration = Duration::from_secs(5);
/// A token is renewed this long before the next would be needed.
const TOKEN_LIFETIME: u64 = 600;

fn key(kind: KeyKind, public_key: Option<PublicKey>) -> DirectoryLine {
    let is_secret = kind == KeyKind::Secret;
    DirectoryLine::Key(Box::new(DirectoryKey {
        id: KeyId::from_parts(1, [u8::from(is_secret); 10]),
        kind,
        environment: Environment::Test,
        organization: OrganizationId::from_parts(1, [3; 10]),
        workspace: Some(WorkspaceId::from_parts(1, [4; 10])),
        workspaces: None,
        public_key,
        brand: Some(None),
        scopes: "pictures:read".parse().unwrap(),
        origins: Vec::new(),
        cidrs: Vec::new(),
        rate_limit: RateLimit::new(1_000_000_000, 60),
        monthly_quota: None,
        limits: BTreeMap::new(),
        shadow: BTreeSet::new(),
        expires_at: None,
        ends_at: None,
        disabled: false,
        revoked: false,
    }))
}

/// A browser's session, which makes itself a new token when the old one is about to end.
struct Session {
    key: SigningKey,
    authorization: String,
    expires_at: u64,
    nonces: u64,
}

impl Session {
    fn new(number: u64) -> Self {
        Self {
            key: SigningKey::from_seed(&sha256(&number.to_be_bytes())),
            authorization: String::new(),
            expires_at: 0,
            nonces: 0,
        }
    }

    fn request(&mut self, issuer: &SigningKey, now: u64) -> String {
        if now + 30 > self.expires_at {
            let id = KeyId::from_parts(1, [0; 10]);
            let claims = Claims {
                iss: ISSUER.into(),
                aud: vec![API.parse().unwrap()],
                sub: id.to_string(),
                client_id: id,
                iat: now,
                exp: now + TOKEN_LIFETIME,
                jti: SessionId::from_parts(1, [2; 10]),
                scope: "pictures:read".parse().unwrap(),
                cnf: Confirmation { jkt: Thumbprint::of(&self.key.verifying_key()) },
                doorkey: DoorkeyClaims {
                    org: OrganizationId::from_parts(1, [3; 10]),
                    workspace: Some(WorkspaceId::from_parts(1, [4; 10])),
                    env: Environment::Test,
                    origin: "http://localhost:3000".parse().unwrap(),
                    bind: None,
                    granted_by: None,
                },
            };
            self.authorization = format!("Doorkey {}", issue(&claims, issuer).unwrap());
            self.expires_at = claims.exp;
        }
        let covered = ProofRequest {
            method: "GET",
            authority: "localhost:7701",
            target: RequestTarget::parse("/").unwrap(),
            authorization: Some(&self.authorization),
            body: None,
        };
        self.nonces += 1;
        let signer = ProofKey::from(&self.key.verifying_key());
        let proof = UnsignedProof::new(&covered, signer, Nonce::new([7; 12], self.nonces), now, 15).unwrap();
        let signature = UnsignedProof::signature(&self.key.sign(proof.base().as_bytes()));
        let (authorization, input) = (&self.authorization, proof.signature_input());
        format!(
            "GET / HTTP/1.1\r\nhost: localhost:7701\r\nauthorization: {authorization}\r\nsignature-input: {input}\r\nsignature: {signature}\r\n\r\n"
        )
    }
}

/// Latencies in steps of ten microseconds, up to a second.
struct Latencies(Vec<AtomicU64>);

impl Latencies {
    fn new() -> Self {
        Self((0..100_000).map(|_| AtomicU64::new(0)).collect())
    }

    fn note(&self, latency: Duration) {
        let step = usize::try_from(latency.as_micros() / 10).unwrap().min(self.0.len() - 1);
        self.0[step].fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// In milliseconds.
    fn at(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank"
        )]
        let rank = (self.count() as f64 * share) as u64;
        let mut seen = 0;
        for (step, count) in self.0.iter().enumerate() {
            seen += count.load(Ordering::Relaxed);
            if seen > rank {
                return f64::from(u32::try_from(step).unwrap()) / 100.0;
            }
        }
        1000.0
    }
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
fn now() -> Instant {
    Instant::now()
}

/// One connection's requests for one round.
async fn use_server(
    address: std::net::SocketAddr,
    latencies: &Latencies,
    sessions: &mut [Session],
    issuer: &SigningKey,
    bearer: &str,
) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let end = now() + ROUND;
    let mut answer = vec![0; 4096];
    let (mut which, count) = (0, sessions.len());
    while now() < end {
        which += 1;
        let signed;
        let request = if which % 2 == 0 {
            bearer
        } else {
            signed = sessions[which / 2 % count].request(issuer, SystemClock.now());
            &signed
        };
        let begin = now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        latencies.note(begin.elapsed());
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
async fn main() {
    let seconds = std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).next_back().unwrap_or(60);
    let issuer = Arc::new(SigningKey::from_seed(&[1; 32]));
    let secret = SecretKey::new(KeyId::from_parts(1, [1; 10]), Environment::Test, SigningKey::from_seed(&[9; 32]));
    let bearer =
        format!("GET / HTTP/1.1\r\nhost: localhost:7701\r\nauthorization: Bearer {}\r\n\r\n", *secret.to_key_string());
    let directory = Arc::new(Directory::new(Duration::from_secs(10)));
    let jwks = serde_json::from_str(&JwkSet::new([issuer.verifying_key()]).to_json()).unwrap();
    let settings = DirectorySettings {
        issuer: ISSUER.parse().unwrap(),
        jwks,
        reusable_urls: BTreeSet::new(),
        limits: BTreeMap::new(),
    };
    let synced = |revision| DirectoryLine::Synced(DirectorySynced { revision, after_ms: 0 });
    let lines = [
        DirectoryLine::Begin(DirectoryBegin { history: "h".into(), since: 0 }),
        DirectoryLine::Settings(Box::new(settings)),
        key(KeyKind::Publishable, None),
        key(KeyKind::Secret, Some(PublicKey(*secret.signing_key().verifying_key().as_bytes()))),
        synced(1),
    ];
    directory.apply(lines, SystemClock.moment()).unwrap();
    let kept = Arc::clone(&directory);
    tokio::spawn(async move {
        for revision in 2.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            kept.apply([synced(revision)], SystemClock.moment()).unwrap();
        }
    });

    let verifier = Verifier::new(Policy::new(ISSUER, API).unwrap()).unwrap().with_directory(directory);
    let plain = Router::new().route("/", get(async || "ok"));
    let guarded = plain.clone().layer(verifier.into_layer());
    let mut addresses = Vec::new();
    for router in [plain, guarded] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        tokio::spawn(serve(listener, router, std::future::pending(), Duration::ZERO));
    }

    let latencies = [Arc::new(Latencies::new()), Arc::new(Latencies::new())];
    let mut sessions: Vec<Vec<Session>> = (0..CONNECTIONS)
        .map(|connection| (0..SESSIONS / CONNECTIONS).map(|i| Session::new(connection * SESSIONS + i)).collect())
        .collect();
    let (begin, mut levels) = (now(), Vec::new());
    // One round without, then three with: memory is to be seen under load.
    for round in 0_usize.. {
        if begin.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
        let which = usize::from(round % 4 != 0);
        let clients = sessions.drain(..).map(|mut own| {
            let (latencies, issuer, bearer) = (latencies[which].clone(), issuer.clone(), bearer.clone());
            let address = addresses[which];
            tokio::spawn(async move {
                use_server(address, &latencies, &mut own, &issuer, &bearer).await;
                own
            })
        });
        let clients: Vec<_> = clients.collect();
        for client in clients {
            sessions.push(client.await.unwrap());
        }
        levels.push((begin.elapsed().as_secs(), resident()));
    }
    let [plain, guarded] = latencies;
    for (name, latencies) in [("without the verifier", &plain), ("with it", &guarded)] {
        println!(
            "{name:22} {:9} requests   median {:.2} ms   p99 {:.2} ms",
            latencies.count(),
            latencies.at(0.5),
            latencies.at(0.99)
        );
    }
    let added = guarded.at(0.99) - plain.at(0.99);
    println!(
        "added at p99           {added:.2} ms   budget 1; {CONNECTIONS} connections, half of the requests signed by one of {SESSIONS} sessions, half with a secret key"
    );
    let sample = levels.iter().step_by((levels.len() / 10).max(1));
    let levels: Vec<_> = sample.map(|(at, level)| format!("{at} s {level:.0}")).collect();
    println!("memory in MiB          {}", levels.join(", "));
    std::process::exit(i32::from(added > 1.0));
}
