use doorkey_core::{ErrorCode, Nonce, ProofKey, ProofRequest, RequestTarget, UnsignedProof, sha256};
use doorkey_verifier::{Refusal, Unmarked, UsageReport};
use serde_json::{Value, json};

use super::{Checker, Entered};
use crate::head::Head;
use crate::options::Options;
use crate::report::{At, Report};
use crate::world::{ISSUER, NOW, answer, at, credential, key_line, secret_key};

struct World {
    checker: Checker,
    revision: u64,
}

impl World {
    /// A verifier that knows the secret key, with these members more.
    fn with(key: &Value) -> Self {
        let options = json!({
            "issuer": ISSUER, "audience": ["https://api.example.com"], "trustedProxies": ["10.0.0.1"],
        });
        let options = Options::parse(&options.to_string()).unwrap();
        let checker = Checker::new(&options, 0, &[0; 16]).unwrap();
        let checker = checker.with_credential(&options, &credential().to_text(), &[5; 12]).unwrap();
        let mut world = Self { checker, revision: 0 };
        world.refresh(&[key_line(key)], 0.0);
        world
    }

    /// Learns of lines.
    fn refresh(&mut self, lines: &[String], millis: f64) {
        let link = self.checker.link_mut().unwrap();
        let mut asked = link.ask(&at(millis)).unwrap();
        let text = answer(self.revision, lines, self.revision + 1);
        link.take(&mut asked, text.as_bytes(), &at(millis)).unwrap();
        link.end(&asked, &at(millis)).unwrap();
        self.revision += 1;
    }

    fn enter(&self, headers: &str, peer: Option<&str>, millis: f64) -> Result<Entered, Refusal> {
        let lines = headers.split('\n').count();
        let head = Head::read("GET", "/", Some("api.example.com"), headers, lines).unwrap();
        let peer = peer.map(|peer| crate::options::peer(peer).unwrap());
        let examination = self.checker.examine(&head, peer, &at(millis))?;
        self.checker.enter(examination, false, &at(millis))
    }

    fn decide_from(&self, headers: &str, peer: Option<&str>, millis: f64) -> Result<String, Refusal> {
        let entered = self.enter(headers, peer, millis)?;
        self.checker.accept(entered, 0, sha256(b""), &at(millis))
    }

    fn decide(&self, headers: &str, millis: f64) -> &'static str {
        self.decide_from(headers, None, millis).map_or_else(|refusal| code(&refusal), |_| "accepted")
    }

    /// What the issuer is told and takes, each outcome with its count.
    fn told(&mut self, millis: f64) -> Vec<(String, u64)> {
        let link = self.checker.link_mut().unwrap();
        let Some(post) = link.next_report(&at(millis)).unwrap() else { return Vec::new() };
        link.note_report(&post, 204, None, &[1; 12], &at(millis)).unwrap();
        let report: UsageReport = serde_json::from_slice(post.body()).unwrap();
        report.counts.iter().map(|count| (count.outcome.to_string(), count.count)).collect()
    }
}

fn code(refusal: &Refusal) -> &'static str {
    refusal.error().code().as_str()
}

fn bearer() -> String {
    format!("authorization\nBearer {}", *secret_key().to_key_string())
}

/// A request that the secret key has signed.
fn signed(counter: u64) -> String {
    let key = secret_key();
    let covered = ProofRequest {
        method: "GET",
        authority: "api.example.com",
        target: RequestTarget::parse("/").unwrap(),
        authorization: None,
        body: None,
    };
    let proof =
        UnsignedProof::new(&covered, ProofKey::Secret(key.id()), Nonce::new([6; 12], counter), 1_760_000_000, 60);
    let proof = proof.unwrap();
    let signature = UnsignedProof::signature(&key.signing_key().sign(proof.base().as_bytes()));
    format!("signature-input\n{}\nsignature\n{signature}", proof.signature_input())
}

#[test]
fn a_secret_key_is_taken_until_it_is_revoked_and_while_the_copy_is_fresh() {
    let mut world = World::with(&json!({}));
    assert_eq!((world.decide(&bearer(), 0.0), world.decide(&signed(1), 0.0)), ("accepted", "accepted"));
    assert_eq!(world.decide(&bearer(), 10_000.0), "accepted");
    assert_eq!(world.decide(&bearer(), 10_001.0), "directory_stale");
    world.refresh(&[], 11_000.0);
    assert_eq!(world.decide(&bearer(), 11_000.0), "accepted");
    world.refresh(&[key_line(&json!({ "revoked": true }))], 12_000.0);
    assert_eq!(world.decide(&bearer(), 12_000.0), "key_revoked");
}

#[test]
fn what_is_revoked_while_a_body_arrives_is_not_accepted() {
    let mut world = World::with(&json!({}));
    let entered = world.enter(&signed(1), None, 0.0).unwrap();
    world.refresh(&[key_line(&json!({ "revoked": true }))], 1000.0);
    let refusal = world.checker.accept(entered, 0, sha256(b""), &at(1000.0)).unwrap_err();
    assert_eq!(refusal.error().code(), ErrorCode::KeyRevoked);
}

#[test]
fn a_directory_that_is_too_old_is_told_apart_and_counts_once_the_request_is_refused() {
    let mut world = World::with(&json!({}));
    assert_eq!(world.decide(&bearer(), 0.0), "accepted");
    let head = bearer();
    let head = Head::read("GET", "/", None, &head, 2).unwrap();
    let stale = world.checker.examine(&head, None, &at(10_001.0)).unwrap();
    assert!(stale.is_stale() && !stale.is_unknown_client() && stale.unknown_key().is_none());
    let refused = world.checker.enter(stale, false, &at(10_001.0));
    assert_eq!(refused.map_err(|refusal| code(&refusal)).err(), Some("directory_stale"));
    world.refresh(&[], 10_001.0);
    assert!(!world.checker.examine(&head, None, &at(10_001.0)).unwrap().is_stale());
}

#[test]
fn a_key_that_the_directory_does_not_have_is_told_apart() {
    let mut world = World::with(&json!({ "id": "key_00000000000000000000000000" }));
    let examine = |world: &World| {
        let headers = bearer();
        let head = Head::read("GET", "/", None, &headers, 2).unwrap();
        world.checker.examine(&head, None, &at(0.0)).unwrap()
    };
    let unknown = examine(&world);
    assert!(unknown.is_unknown_client() && unknown.unknown_key().is_none());
    assert_eq!(
        world.checker.enter(unknown, false, &at(0.0)).map_err(|refusal| code(&refusal)).err(),
        Some("key_unknown")
    );
    world.refresh(&[key_line(&json!({}))], 0.0);
    assert!(!examine(&world).is_unknown_client());
    assert_eq!(world.told(0.0), [], "who shows no key that there is, is counted for none");
}

#[test]
fn a_key_with_networks_is_taken_from_these_alone() {
    let world = World::with(&json!({ "cidrs": ["192.0.2.0/24"] }));
    let from = |peer, forwarded: &str| {
        let headers = bearer() + forwarded;
        world.decide_from(&headers, peer, 0.0).map_or_else(|refusal| code(&refusal), |_| "accepted")
    };
    for (peer, forwarded, expected) in [
        (Some("192.0.2.7"), "", "accepted"),
        (Some("::ffff:192.0.2.7"), "", "accepted"),
        (Some("198.51.100.1"), "", "ip_not_allowed"),
        (Some("198.51.100.1"), "\nx-forwarded-for\n192.0.2.7", "ip_not_allowed"),
        (Some("10.0.0.1"), "\nx-forwarded-for\n192.0.2.7", "accepted"),
        (None, "\nx-forwarded-for\n192.0.2.7", "ip_not_allowed"),
        (None, "", "ip_not_allowed"),
    ] {
        assert_eq!(from(peer, forwarded), expected, "{peer:?} {forwarded}");
    }
}

#[test]
fn a_limit_lets_through_what_it_says_and_tells_how_it_stands() {
    let world = World::with(&json!({ "rate_limit": { "requests": 2, "period": 60 }, "monthly_quota": 10 }));
    assert_eq!([1, 2, 3].map(|counter| world.decide(&signed(counter), 0.0)), ["accepted", "accepted", "rate_limited"]);
    let refusal = world.decide_from(&bearer(), None, 0.0).unwrap_err();
    let report: Value = serde_json::from_str(&Report::new(&refusal, &[7; 12], At::from_millis(NOW)).to_json()).unwrap();
    // 1760000000 is 20 seconds into its minute.
    assert_eq!((&report["status"], &report["retry_after"]), (&json!(429), &json!(40)));
    let headers = report["headers"].as_array().unwrap();
    for header in [["ratelimit", "\"key\";r=0;t=40"], ["ratelimit-policy", "\"key\";q=2;w=60"], ["retry-after", "40"]] {
        assert!(headers.contains(&json!(header)), "{header:?} {headers:?}");
    }
}

#[test]
fn an_accepted_request_learns_how_its_tightest_limit_stands() {
    let accepted =
        |world: &World| -> Value { serde_json::from_str(&world.decide_from(&bearer(), None, 0.0).unwrap()).unwrap() };
    let world = World::with(&json!({ "rate_limit": { "requests": 3, "period": 60 }, "monthly_quota": 10 }));
    for left in [2, 1, 0] {
        let expected = json!({ "ratelimit": format!("\"key\";r={left};t=40"), "ratelimit-policy": "\"key\";q=3;w=60" });
        assert_eq!(accepted(&world)["rate_limit_headers"], expected);
    }
    assert_eq!(accepted(&World::with(&json!({})))["rate_limit_headers"], json!({}));
}

#[test]
fn whose_proof_is_not_taken_gets_its_charge_back_and_whose_body_is_wrong_does_not() {
    let mut world = World::with(&json!({ "monthly_quota": 4 }));
    let entered = world.enter(&signed(1), None, 0.0).unwrap();
    assert_eq!(code(&world.checker.accept(entered, 1, sha256(b"x"), &at(0.0)).unwrap_err()), "components_incomplete");
    assert_eq!(world.decide(&signed(1), 0.0), "replayed");
    // Its body never comes.
    drop(world.enter(&signed(2), None, 0.0).unwrap());
    let _on_its_way = world.enter(&signed(6), None, 0.0).unwrap();
    let entered = world.enter(&signed(3), None, 0.0).unwrap();
    assert_eq!(world.decide(&signed(9), 0.0), "quota_exhausted");
    assert_eq!(code(&world.checker.refuse(entered, Unmarked::Replayed, &at(0.0))), "replayed");
    assert_eq!(world.decide(&signed(3), 0.0), "replayed");
    assert_eq!([4, 5].map(|counter| world.decide(&signed(counter), 0.0)), ["accepted", "quota_exhausted"]);
    let told = world.told(0.0);
    let expected = [("accepted", 1), ("components_incomplete", 1), ("quota_exhausted", 2), ("replayed", 1)];
    let count = |outcome: &str| told.iter().find(|(told, _)| told == outcome).map(|(_, count)| *count);
    for (outcome, expected) in expected {
        assert_eq!(count(outcome), Some(expected), "{outcome} {told:?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:?}");
}

#[test]
fn what_is_tried_out_and_a_leak_are_told() {
    let shadow = json!(["cidrs", "rate_limit"]);
    let limits = json!({ "requests": 1, "period": 60 });
    let mut world = World::with(&json!({ "cidrs": ["192.0.2.0/24"], "rate_limit": limits, "shadow": shadow }));
    assert_eq!((world.decide(&bearer(), 0.0), world.decide(&bearer(), 0.0)), ("accepted", "accepted"));
    let mut told = world.told(0.0);
    told.sort();
    let told: Vec<_> = told.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect();
    assert_eq!(told, [("accepted", 2), ("shadow:cidrs", 2), ("shadow:rate_limit", 1)]);
    let in_page = bearer() + "\norigin\nhttps://shop.example";
    assert_eq!(world.decide(&in_page, 1000.0), "secret_key_in_browser");
    assert_eq!(world.told(1000.0), [("secret_key_in_browser".to_owned(), 1)]);
}

#[test]
fn what_nothing_covers_need_not_be_given() {
    let world = World::with(&json!({}));
    let entered = |headers: &str| world.enter(&(headers.to_owned() + "\ncontent-length\n999999999"), None, 0.0);
    let shown = entered(&bearer()).unwrap();
    assert!(shown.covers_no_body() && shown.proof().is_none());
    assert!(world.checker.accept(shown, 0, sha256(b""), &at(0.0)).is_ok());
    assert_eq!(entered(&signed(1)).map_err(|refusal| code(&refusal)).err(), Some("body_too_large"));
    let given = world.enter(&(signed(1) + "\ncontent-length\n1"), None, 0.0);
    assert_eq!(given.map_err(|refusal| code(&refusal)).err(), Some("components_incomplete"));
}
