//! The shared vectors of `tests/vectors`: whole requests, through the whole decision.

use std::time::Duration;

use doorkey_core::{Environment, JwkSet, OrganizationId, WorkspaceId};
use doorkey_verifier::{
    Decision, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySynced, Policy, Principal, ReplayMemory,
    RequestHead, SecretKeyCache, TokenCache,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::signer::{ISSUER, moment};

fn read(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

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
        Ok(examined) => match decision.mark(examined).and_then(|marked| decision.accept(marked, body)) {
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

/// Goes through a file's vectors, each with memory of its own and with one that all share: what a refused request leaves
/// behind must not help or hurt the next.
fn judge(file: &Value, directory: Option<&Directory>) {
    let issuer = file["issuer"].as_str().unwrap_or(ISSUER);
    let policy = Policy::new(issuer, file["audience"].as_str().unwrap()).unwrap();
    let keys = file.get("jwks").map(|keys| JwkSet::parse(keys.to_string().as_bytes()).unwrap()).unwrap_or_default();
    let memory = || (TokenCache::new(1000), SecretKeyCache::new(1000), ReplayMemory::new(100_000, 100_000, 30));
    let shared = memory();
    let mut wrong = Vec::new();
    let vectors = file["vectors"].as_array().unwrap();
    for vector in vectors {
        let own = memory();
        for (tokens, secret_keys, replay) in [&own, &shared] {
            let now = moment(file["now"].as_u64().unwrap());
            let mut decision = Decision::new(&policy, &keys, tokens, replay, now);
            if let Some(directory) = directory {
                decision = decision.with_directory(directory, secret_keys);
            }
            for before in vector["before"].as_array().into_iter().flatten() {
                decide(&decision, before);
            }
            let verdict = decide(&decision, &vector["request"]);
            if verdict != vector["code"].as_str().unwrap() {
                wrong.push(format!("{}: {verdict} instead of {}", vector["name"], vector["code"]));
            }
        }
    }
    assert!(wrong.is_empty() && vectors.len() > 50, "{wrong:#?}");
}

#[test]
fn every_request_gets_its_verdict() {
    judge(&read("requests"), None);
}

#[test]
fn every_signed_url_gets_its_verdict() {
    judge(&read("signed-urls"), None);
}

#[test]
fn every_request_of_a_secret_key_gets_its_verdict() {
    let file = read("secret-keys");
    let directory = Directory::new(Duration::from_secs(10));
    let key = |key: &Value| {
        DirectoryLine::Key(Box::new(DirectoryKey {
            id: key["key_id"].as_str().unwrap().parse().unwrap(),
            kind: doorkey_core::KeyKind::Secret,
            environment: Environment::Live,
            organization: OrganizationId::from_parts(1, [3; 10]),
            workspace: Some(WorkspaceId::from_parts(1, [4; 10])),
            workspaces: None,
            public_key: Some(serde_json::from_value(key["x"].clone()).unwrap()),
            brand: Some(None),
            scopes: "pictures:read".parse().unwrap(),
            origins: Vec::new(),
            cidrs: Vec::new(),
            rate_limit: None,
            monthly_quota: None,
            limits: std::collections::BTreeMap::new(),
            shadow: std::collections::BTreeSet::new(),
            expires_at: None,
            ends_at: None,
            disabled: false,
            revoked: false,
        }))
    };
    let begin = DirectoryLine::Begin(DirectoryBegin { history: "h".into(), since: 0 });
    let synced = DirectoryLine::Synced(DirectorySynced { revision: 1, after_ms: 0 });
    let lines = [begin].into_iter().chain(file["keys"].as_array().unwrap().iter().map(key)).chain([synced]);
    directory.apply(lines, moment(file["now"].as_u64().unwrap())).unwrap();
    judge(&file, Some(&directory));
}
