//! What the registry takes when it is full: `cargo xtask bench registry`.
//!
//! A million keys in ten thousand workspaces of one organization, on SQLite and then on Postgres; requests go through the
//! router, sign-in and rights included. Exits with 1 over a budget. A smaller number may be given as an argument.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark may panic, and its figures are data")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use doorkey_core::{MintClaims, SignedMint, SigningKey, assemble_mint};
use doorkey_issuer::{Database, Issuer, Settings, SettingsFile, Store, Vault};
use doorkey_servers::Postgres;
use doorkey_verifier::{SystemClock, SystemEntropy};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row};
use tempfile::TempDir;
use tower::ServiceExt;

const KEYS_PER_WORKSPACE: u64 = 100;
const ROUNDS: usize = 300;
const READ_BUDGET: Duration = Duration::from_millis(20);
const MINT_BUDGET: Duration = Duration::from_millis(5);
/// Bytes.
const MEMORY_BUDGET: u64 = 1 << 30;

#[tokio::main]
async fn main() {
    let keys = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("doorkey.db");
    let sqlite = format!("sqlite://{}", file.display());
    let mut is_good = measure("SQLite", Database::file(&file), &sqlite, "randomblob(16)", keys).await;
    let postgres = Postgres::shared().create_database();
    let random = "decode(md5(random()::text || clock_timestamp()::text), 'hex')";
    is_good &= measure("Postgres", postgres.url().parse().unwrap(), postgres.url(), random, keys).await;
    let memory = peak_memory();
    println!("memory at its peak           {:>8} MiB", memory >> 20);
    is_good &= memory < MEMORY_BUDGET;
    std::process::exit(i32::from(!is_good));
}

/// Fills a database and prints what is asked of it in turn.
async fn measure(name: &str, database: Database, url: &str, random: &str, keys: u64) -> bool {
    let house = House::open(&database).await;
    let key = house
        .post("/v1/keys", &json!({ "workspace": house.workspace, "kind": "publishable", "environment": "test" }))
        .await;
    let ids = fill(url, random, keys).await;
    println!("{name}: {keys} keys in {} workspaces", keys / KEYS_PER_WORKSPACE);
    let mut is_good = true;
    let mut report = |what: &str, median: Duration, budget: Duration| {
        println!("  {what:<27}{:>8.2} ms", median.as_secs_f64() * 1000.0);
        is_good &= median < budget;
    };
    let (organization, workspace) = (&house.organization, &house.workspace);
    let spread = |round: usize| &ids[(round * 7919) % ids.len()];
    report("show a key", house.time(|round| format!("/v1/keys/{}", spread(round).0)).await, READ_BUDGET);
    report(
        "list 50 of a workspace",
        house.time(|round| format!("/v1/keys?workspace={}", spread(round).1)).await,
        READ_BUDGET,
    );
    for sort in ["created_at", "name", "last_used_at", "expires_at"] {
        let list = |_| format!("/v1/keys?organization={organization}&sort={sort}&order=desc");
        report(&format!("list 50 of all by {sort}"), house.time(list).await, READ_BUDGET);
    }
    report(
        "list 50 workspaces",
        house.time(|_| format!("/v1/organizations/{organization}/workspaces")).await,
        READ_BUDGET,
    );
    report(
        "read 50 of the audit",
        house.time(|_| format!("/v1/audit-events?organization={organization}")).await,
        READ_BUDGET,
    );
    let create = json!({ "workspace": workspace, "kind": "secret", "environment": "test" });
    let mut times = Vec::new();
    for _ in 0..40 {
        times.push(time(async || drop(house.post("/v1/keys", &create).await)).await);
    }
    report("create a key", median(times), READ_BUDGET);
    let (mint, cryptography) = house.time_mints(key["key"].as_str().unwrap()).await;
    report("mint", mint, MINT_BUDGET + cryptography);
    report("  of that, cryptography", cryptography, MINT_BUDGET);
    is_good
}

struct House {
    router: Router,
    cookie: String,
    organization: String,
    workspace: String,
    mint_url: String,
}

impl House {
    async fn open(database: &Database) -> Self {
        let file = "[keys]\nper_workspace = 10000\n[mint_limits]\nper_key = 0\nper_address = 0\nper_origin = 0\n\
                    [[scopes]]\nname = \"pictures:read\"\nbrowser = true\n";
        let file = SettingsFile::parse(file).unwrap();
        let settings = Settings::resolve(file, "http://localhost:7700".parse().unwrap()).unwrap();
        let store = Store::open(database).await.unwrap();
        let vault = Arc::new(Vault::new(&[7; 32]));
        let (issuer, _) =
            Issuer::open(settings, store, &vault, Arc::new(SystemClock), Arc::new(SystemEntropy)).await.unwrap();
        let link = issuer.registry().setup_link().await.unwrap().unwrap();
        let mint_url = issuer.settings().mint_url();
        let router = Arc::new(issuer).router();
        let mut house =
            Self { router, cookie: String::new(), organization: String::new(), workspace: String::new(), mint_url };
        let token = link.as_str().split_once("#token=").unwrap().1;
        let input = json!({ "token": token, "email": "a@b.example", "name": "A", "password": "correct horse battery" });
        let request = Request::post("/v1/setup").header("content-type", "application/json");
        let response =
            house.router.clone().oneshot(request.body(Body::from(input.to_string())).unwrap()).await.unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        house.cookie = text(&json!(cookie.split(';').next()));
        house.organization = text(&house.get("/v1/me").await["memberships"][0]["organization"]);
        let workspaces = house.get(&format!("/v1/organizations/{}/workspaces", house.organization)).await;
        house.workspace = text(&workspaces["data"][0]["id"]);
        house
    }

    async fn send(&self, request: Request<Body>) -> Value {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let is_done = response.status().is_success();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(is_done, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Request::get(path).header("cookie", &self.cookie).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, input: &Value) -> Value {
        let request = Request::post(path).header("cookie", &self.cookie).header("content-type", "application/json");
        self.send(request.body(Body::from(input.to_string())).unwrap()).await
    }

    /// The median of a request, after a few that warm up.
    async fn time(&self, path: impl Fn(usize) -> String) -> Duration {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let path = path(round);
            times.push(time(async || drop(black_box(self.get(&path).await))).await);
        }
        median(times.split_off(ROUNDS / 10))
    }

    /// The medians of a mint, and of checking its signature and signing a token.
    async fn time_mints(&self, publishable_key: &str) -> (Duration, Duration) {
        let key = SigningKey::from_seed(&[42; 32]);
        let claims = MintClaims {
            publishable_key: publishable_key.to_owned(),
            aud: self.mint_url.clone(),
            iat: 1,
            jti: "jti".into(),
            grant: None,
            challenge: None,
        };
        let input = claims.to_signing_input(&key.verifying_key());
        let signature = key.sign(input.as_bytes());
        let body = assemble_mint(input, &signature);
        let (mut mints, mut cryptography) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let request = Request::post("/v1/sessions").header("origin", "http://localhost:3000");
            let request = request.header("content-type", "text/plain").body(Body::from(body.clone())).unwrap();
            mints.push(time(async || drop(black_box(self.send(request).await))).await);
            let alone = async || {
                black_box(SignedMint::verify(&body).unwrap());
                black_box(key.sign(body.as_bytes()));
            };
            cryptography.push(time(alone).await);
        }
        (median(mints), median(cryptography))
    }
}

/// Adds workspaces and their keys, and yields some of them: keys with their workspaces.
async fn fill(url: &str, random: &str, keys: u64) -> Vec<(String, String)> {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    let workspaces = keys / KEYS_PER_WORKSPACE;
    // 32 bytes, of which nobody has the other half.
    let public_key =
        random.replace("16", "32").replace("md5(", "repeat(md5(").replace("text), 'hex'", "text), 2), 'hex'");
    let statements = [
        format!(
            "INSERT INTO workspaces (id, organization_id, name, created_at, revision) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {workspaces}) \
             SELECT {random}, (SELECT id FROM organizations), 'Workspace ' || i, 1, 1 FROM n"
        ),
        format!(
            "INSERT INTO keys (id, organization_id, workspace_id, kind, environment, name, name_folded, name_order, \
             public_key, last_four, scopes, origins, created_at, last_used_at, expires_at) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {KEYS_PER_WORKSPACE}) \
             SELECT {random}, w.organization_id, w.id, CASE WHEN i % 2 = 0 THEN 'secret' ELSE 'publishable' END, 'live', \
             'Key ' || i, 'key ' || i, {random}, CASE WHEN i % 2 = 0 THEN {public_key} END, \
             CASE WHEN i % 2 = 0 THEN 'abcd' END, 'pictures:read', '', i, i * 1000, 4000000000 + i \
             FROM workspaces w, n WHERE w.name LIKE 'Workspace %'"
        ),
        "INSERT INTO directory (revision, kind, entity_id) \
         SELECT (SELECT MAX(revision) FROM directory) + ROW_NUMBER() OVER (ORDER BY kind, id), kind, id FROM \
         (SELECT 'workspace' AS kind, id FROM workspaces UNION ALL SELECT 'key', id FROM keys) AS made \
         WHERE id NOT IN (SELECT entity_id FROM directory)"
            .to_owned(),
        "ANALYZE".to_owned(),
    ];
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let some = "SELECT id, workspace_id FROM keys WHERE kind = 'publishable' AND name = 'Key 51' LIMIT 1000";
    let rows = sqlx::query(some).fetch_all(&pool).await.unwrap();
    let id = |row: &sqlx::any::AnyRow, column| -> [u8; 16] { row.get::<Vec<u8>, _>(column).try_into().unwrap() };
    let pair = |row| {
        let workspace = doorkey_core::WorkspaceId::from_bytes(id(row, "workspace_id"));
        (doorkey_core::KeyId::from_bytes(id(row, "id")).to_string(), workspace.to_string())
    };
    let pairs = rows.iter().map(pair).collect();
    pool.close().await;
    pairs
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
async fn time(run: impl AsyncFnOnce()) -> Duration {
    let start = Instant::now();
    run().await;
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory that this process has had, in bytes; Postgres has its own.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
