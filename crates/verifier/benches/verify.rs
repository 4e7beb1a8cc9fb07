//! What a whole check costs beside its one Ed25519 verification: `cargo xtask bench verify`.
//!
//! Both run in turn within one process, so that the ratio holds on a noisy machine. Exits with 1 over the budget.

#![allow(clippy::expect_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use doorkey_core::token::{Confirmation, DoorkeyClaims, issue};
use doorkey_core::{
    Claims, Environment, JwkSet, KeyId, Nonce, OrganizationId, ProofRequest, RequestTarget, SessionId, Signature,
    SigningKey, Thumbprint, UnsignedProof,
};
use doorkey_verifier::{Decision, Moment, Policy, ReplayMemory, RequestHead, TokenCache};
use http::{HeaderMap, HeaderValue};

const NOW: u64 = 1_760_000_000;
const BUDGET: f64 = 1.3;
const ROUNDS: usize = 15;
const REQUESTS: u32 = 2000;

struct Prepared {
    headers: HeaderMap,
    base: String,
    signature: Signature,
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is about time")]
fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn prepare(key: &SigningKey, authorization: &str, counter: u32) -> Prepared {
    let request = ProofRequest {
        method: "GET",
        authority: "api.example.com",
        target: RequestTarget::parse("/pictures?limit=10").expect("a target"),
        authorization: Some(authorization),
        body: None,
    };
    let proof =
        UnsignedProof::new(&request, (&key.verifying_key()).into(), Nonce::new([7; 12], counter.into()), NOW, 60)
            .expect("a proof");
    let signature = key.sign(proof.base().as_bytes());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "api.example.com".to_owned()),
        ("origin", "https://shop.example".to_owned()),
        ("authorization", authorization.to_owned()),
        ("signature-input", proof.signature_input()),
        ("signature", UnsignedProof::signature(&signature)),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).expect("a header value"));
    }
    Prepared { headers, base: proof.base().to_owned(), signature }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let at = Moment { wall: Duration::from_secs(NOW), monotonic: Duration::ZERO };
    let (issuer, key) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let key_id = KeyId::from_parts(1, [1; 10]);
    let claims = Claims {
        iss: "https://keys.example.com".into(),
        aud: vec!["https://api.example.com".parse().expect("an origin")],
        sub: key_id.to_string(),
        client_id: key_id,
        iat: NOW,
        exp: NOW + 300,
        jti: SessionId::from_parts(1, [2; 10]),
        scope: "pictures:read pictures:write".parse().expect("scopes"),
        cnf: Confirmation { jkt: Thumbprint::of(&key.verifying_key()) },
        doorkey: DoorkeyClaims {
            org: OrganizationId::from_parts(1, [3; 10]),
            workspace: None,
            env: Environment::Live,
            origin: "https://shop.example".parse().expect("an origin"),
            bind: None,
            granted_by: None,
        },
    };
    let authorization = format!("Doorkey {}", issue(&claims, &issuer).expect("a token"));
    let policy = Policy::new("https://keys.example.com", "https://api.example.com").expect("a policy");
    let keys = JwkSet::new([issuer.verifying_key()]);
    let tokens = TokenCache::new(100);
    let prepared: Vec<_> = (0..REQUESTS).map(|counter| prepare(&key, &authorization, counter)).collect();
    let public = key.verifying_key();

    let (mut checks, mut verifies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // New memory for each round: the same requests again would be replays.
        let replay = ReplayMemory::new(10 * ReplayMemory::DEFAULT_CAPACITY, REQUESTS as usize, policy.skew());
        let decision = Decision::new(&policy, &keys, &tokens, &replay, at);
        verifies.push(time(|| {
            for request in &prepared {
                black_box(public.verify(black_box(request.base.as_bytes()), &request.signature)).expect("valid");
            }
        }));
        checks.push(time(|| {
            for request in &prepared {
                let head = RequestHead {
                    method: "GET",
                    target: "/pictures?limit=10",
                    authority: None,
                    headers: &request.headers,
                    peer: None,
                };
                let examined = decision.examine(black_box(&head)).expect("examined");
                let marked = decision.mark(examined).expect("new");
                black_box(decision.accept(marked, b"")).expect("accepted");
            }
        }));
    }
    let microseconds = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6 / f64::from(REQUESTS)
    };
    let (check, verify) = (microseconds(checks), microseconds(verifies));
    let backend =
        if cfg!(curve25519_dalek_backend = "avx512") { "avx512 where the processor has it" } else { "default" };
    println!("curve backend          {backend}");
    println!("one Ed25519 verify     {verify:7.2} µs");
    println!("whole check            {check:7.2} µs   token known, median of {ROUNDS} rounds of {REQUESTS}");
    println!("ratio                  {:7.2}      budget {BUDGET}", check / verify);
    if check / verify > BUDGET {
        std::process::exit(1);
    }
}
