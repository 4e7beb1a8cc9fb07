//! What a million keys cost: memory, and the time to check a secret key among them: `cargo xtask bench keys`.
//!
//! Exits with 1 over the budget.

#![allow(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use doorkey_core::{Environment, JwkSet, KeyId, KeyKind, OrganizationId, SecretKey, SigningKey, WorkspaceId, sha256};
use doorkey_verifier::{
    Decision, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySynced, Moment, Policy, PublicKey,
    ReplayMemory, RequestHead, SecretKeyCache, TokenCache,
};
use http::{HeaderMap, HeaderValue};

const NOW: u64 = 1_760_000_000;
const KEYS: u64 = 1_000_000;
/// Secret keys that are asked for; deriving a million would take longer than everything else.
const REAL: u64 = 2_000;
const MEMORY_BUDGET: f64 = 400.0;
const KNOWN_BUDGET: f64 = 2.0;
const FIRST_BUDGET: f64 = 40.0;

fn moment() -> Moment {
    Moment { wall: Duration::from_secs(NOW), monotonic: Duration::ZERO }
}

fn id(number: u64) -> KeyId {
    let hash = sha256(&number.to_be_bytes());
    KeyId::from_parts(number, hash[..10].try_into().expect("ten bytes"))
}

fn secret_key(number: u64) -> SecretKey {
    SecretKey::new(id(number), Environment::Live, SigningKey::from_seed(&sha256(&number.to_le_bytes())))
}

/// Half of the keys are secret, half publishable, each of these with an origin of its own; ten to a workspace.
fn key(number: u64) -> DirectoryLine {
    let is_secret = number.is_multiple_of(2);
    let public_key = match number {
        _ if !is_secret => None,
        number if number / 2 < REAL => Some(*secret_key(number).signing_key().verifying_key().as_bytes()),
        number => Some(sha256(&number.to_be_bytes())),
    };
    let scopes = ["pictures:read", "pictures:read pictures:write", "pictures:read pictures:write albums:read"];
    DirectoryLine::Key(Box::new(DirectoryKey {
        id: id(number),
        kind: if is_secret { KeyKind::Secret } else { KeyKind::Publishable },
        environment: Environment::Live,
        organization: OrganizationId::from_parts(number / 100, [3; 10]),
        workspace: Some(WorkspaceId::from_parts(number / 10, [4; 10])),
        workspaces: None,
        public_key: public_key.map(PublicKey),
        brand: Some(None),
        scopes: scopes[usize::try_from(number % 3).expect("0 to 2")].parse().expect("scopes"),
        origins: if is_secret {
            Vec::new()
        } else {
            vec![format!("https://shop-{number}.customers.example").parse().expect("an origin")]
        },
        cidrs: Vec::new(),
        rate_limit: None,
        monthly_quota: None,
        limits: std::collections::BTreeMap::new(),
        shadow: std::collections::BTreeSet::new(),
        expires_at: Some(NOW + 1 + number),
        ends_at: None,
        disabled: false,
        revoked: false,
    }))
}

/// Memory of this process in MiB, as the kernel counts it.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says how much it has");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kilobytes") / 1024.0
}

fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it says how much it had");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kilobytes") / 1024.0
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
fn microseconds(times: usize, run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let each = start.elapsed().as_secs_f64() * 1e6 / times as f64;
    each
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let before = resident();
    let directory = Directory::new(Duration::from_secs(10));
    directory
        .apply([DirectoryLine::Begin(DirectoryBegin { history: "h".into(), since: 0 })], moment())
        .expect("it begins");
    let filling = microseconds(1, || {
        directory.apply((0..KEYS).map(key), moment()).expect("keys");
    });
    let synced = DirectorySynced { revision: KEYS, after_ms: 0 };
    directory.apply([DirectoryLine::Synced(synced)], moment()).expect("it is complete");
    let memory = resident() - before;

    let policy = Policy::new("https://keys.example.com", "https://api.example.com").expect("a policy");
    let (tokens, replay, keys) = (TokenCache::new(10), ReplayMemory::new(10, 10, 30), JwkSet::default());
    let headers: Vec<HeaderMap> = (0..REAL)
        .map(|number| {
            let text = format!("Bearer {}", *secret_key(2 * number).to_key_string());
            let value = HeaderValue::from_str(&text).expect("a header value");
            HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
        })
        .collect();
    let (mut first, mut known) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        let cache = SecretKeyCache::new(10_000);
        let decision = Decision::new(&policy, &keys, &tokens, &replay, moment()).with_directory(&directory, &cache);
        let check = || {
            for headers in &headers {
                let head =
                    RequestHead { method: "GET", target: "/pictures?limit=10", authority: None, headers, peer: None };
                let examined = decision.examine(black_box(&head)).expect("examined");
                let marked = decision.mark(examined).expect("new");
                black_box(decision.accept(marked, b"").expect("accepted"));
            }
        };
        first.push(microseconds(headers.len(), check));
        known.push(microseconds(headers.len(), check));
    }
    let (first, known) = (median(first), median(known));
    println!("keys                     {}   half of them publishable, each with its own origin", directory.len());
    println!("memory                {memory:7.0} MiB   budget {MEMORY_BUDGET:.0}; peak of the process {:.0}", peak());
    println!("taking one over       {:7.2} µs", filling / 1e6);
    println!("a secret key, known   {known:7.2} µs   budget {KNOWN_BUDGET:.0}; median of 15 rounds of {REAL}");
    println!("a secret key, first   {first:7.2} µs   budget {FIRST_BUDGET:.0}");
    let over = memory > MEMORY_BUDGET || known > KNOWN_BUDGET || first > FIRST_BUDGET;
    std::process::exit(i32::from(over));
}
