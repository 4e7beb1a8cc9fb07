//! The shared vectors of `tests/vectors/requests.json`: whole requests, through the whole decision.

use doorkey_core::JwkSet;
use doorkey_verifier::{Decision, Policy, Principal, ReplayMemory, RequestHead, TokenCache};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::signer::moment;

fn headers(request: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in request["headers"].as_array().unwrap() {
        let name: HeaderName = header[0].as_str().unwrap().parse().unwrap();
        headers.append(name, HeaderValue::from_str(header[1].as_str().unwrap()).unwrap());
    }
    headers
}

/// The code of the refusal, or `accepted`.
fn decide(decision: &Decision<'_>, request: &Value) -> &'static str {
    let headers = headers(request);
    let head = RequestHead {
        method: request["method"].as_str().unwrap(),
        target: request["target"].as_str().unwrap(),
        authority: None,
        headers: &headers,
        peer: None,
    };
    let body = request["body"].as_str().unwrap_or_default().as_bytes();
    let refusal = match decision.examine(&head) {
        Ok(examined) => match decision.accept(examined, body) {
            Ok(accepted) => {
                assert!(!Principal::from(accepted).scopes().is_empty());
                return "accepted";
            }
            Err(refusal) => refusal,
        },
        Err(rejection) => rejection.into_refusal(),
    };
    refusal.error().code().as_str()
}

#[test]
fn every_request_gets_its_verdict() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/requests.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let policy = Policy::new(file["issuer"].as_str().unwrap(), file["audience"].as_str().unwrap()).unwrap();
    let keys = JwkSet::parse(file["jwks"].to_string().as_bytes()).unwrap();
    // One set for all: what a refused request leaves behind must not help or hurt the next.
    let shared = (TokenCache::new(1000), ReplayMemory::new(100_000, 100_000, 30));
    let mut wrong = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        let own = (TokenCache::new(10), ReplayMemory::new(100_000, 100, 30));
        for (tokens, replay) in [&own, &shared] {
            let now = file["now"].as_u64().unwrap();
            let decision = Decision::new(&policy, &keys, tokens, replay, moment(now));
            for before in vector["before"].as_array().into_iter().flatten() {
                decide(&decision, before);
            }
            let verdict = decide(&decision, &vector["request"]);
            if verdict != vector["code"].as_str().unwrap() {
                wrong.push(format!("{}: {verdict} instead of {}", vector["name"], vector["code"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
