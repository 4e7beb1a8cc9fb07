//! Verifiers: who they are, and how strictly their requests are looked at.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use doorkey_core::{
    ContentDigest, ErrorCode, Nonce, ProofBody, ProofKey, ProofRequest, RequestTarget, SigningKey, UnsignedProof,
    VerifierCredential, VerifierId,
};
use doorkey_verifier::Clock;
use http::Request;

use crate::house::{CATALOGUE, House, NOW, OPERATOR, On, Seeded};
use crate::key_life::Scene;

on_each_database!(
    a_verifier_signs_in_with_its_credential,
    each_way_to_be_wrong_has_its_code,
    over_http_2_a_target_names_its_host,
    a_request_counts_once,
    a_revoked_verifier_is_told_so_once_it_has_proved_who_it_is,
    a_request_from_before_the_start_is_refused,
    verifiers_are_the_operator_s,
    when_a_verifier_was_here_is_noted
);

/// A verifier with its credential.
pub(crate) struct Verifier {
    pub(crate) id: VerifierId,
    key: SigningKey,
    authority: String,
    counter: AtomicU64,
}

/// What a signature says, for tests that say something else.
pub(crate) struct Saying<'a> {
    pub(crate) method: &'a str,
    pub(crate) authority: &'a str,
    pub(crate) key: ProofKey,
    pub(crate) created: u64,
    pub(crate) lifetime: u64,
}

impl Verifier {
    pub(crate) async fn add(house: &House) -> Self {
        let (record, credential) = house.issuer.registry().add_verifier(&OPERATOR, "Pictures").await.unwrap();
        assert_eq!((record.id, record.last_seen_at), (credential.id(), None));
        Self::of(&credential)
    }

    fn of(credential: &VerifierCredential) -> Self {
        let read = VerifierCredential::parse(&credential.to_text()).unwrap();
        let key = SigningKey::from_seed(&read.signing_key().to_seed());
        let authority = read.issuer().authority().to_owned();
        Self { id: read.id(), key, authority, counter: AtomicU64::new(0) }
    }

    pub(crate) fn saying<'a>(&'a self, method: &'a str) -> Saying<'a> {
        let key = ProofKey::Verifier(self.id);
        Saying { method, authority: &self.authority, key, created: NOW, lifetime: 30 }
    }

    pub(crate) fn get(&self, target: &str) -> Request<Body> {
        self.sign(&self.saying("GET"), "GET", target, None)
    }

    pub(crate) fn get_at(&self, target: &str, now: u64) -> Request<Body> {
        self.sign(&Saying { created: now, ..self.saying("GET") }, "GET", target, None)
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Request<Body> {
        self.sign(&self.saying("POST"), "POST", target, Some(body))
    }

    pub(crate) fn sign(&self, saying: &Saying<'_>, method: &str, target: &str, body: Option<&str>) -> Request<Body> {
        let digest = body.map(|body| ContentDigest::of(body.as_bytes()).to_header());
        let request = ProofRequest {
            method: saying.method,
            authority: saying.authority,
            target: RequestTarget::parse(target).unwrap(),
            authorization: None,
            body: digest
                .as_deref()
                .map(|content_digest| ProofBody { content_type: "application/json", content_digest }),
        };
        let nonce = Nonce::new([1; 12], self.counter.fetch_add(1, Ordering::SeqCst));
        let proof = UnsignedProof::new(&request, saying.key, nonce, saying.created, saying.lifetime).unwrap();
        let signature = self.key.sign(proof.base().as_bytes());
        let mut signed = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "anything.example")
            .header("signature-input", proof.signature_input())
            .header("signature", UnsignedProof::signature(&signature));
        if let Some(digest) = digest {
            signed = signed.header("content-type", "application/json").header("content-digest", digest);
        }
        signed.body(body.map_or_else(Body::empty, |body| Body::from(body.to_owned()))).unwrap()
    }
}

async fn a_verifier_signs_in_with_its_credential(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let answer = house.send(verifier.get("/v1/directory")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn each_way_to_be_wrong_has_its_code(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let other = Verifier { id: VerifierId::from_bytes([9; 16]), ..Verifier::add(&house).await };
    let with = |name: &'static str, value: &str| {
        let mut request = verifier.get("/v1/directory");
        request.headers_mut().append(name, value.parse().unwrap());
        request
    };
    let without = |name: &str| {
        let mut request = verifier.get("/v1/directory");
        request.headers_mut().remove(name);
        request
    };
    let saying = |saying: Saying<'_>| verifier.sign(&saying, "GET", "/v1/directory", None);
    let at = |target: &str| {
        let mut request = verifier.get("/v1/directory?since=1");
        *request.uri_mut() = target.parse().unwrap();
        request
    };
    let unsigned = |request: http::request::Builder| request.body(Body::empty()).unwrap();
    let mut with_a_body = verifier.get("/v1/directory");
    *with_a_body.body_mut() = Body::from("x");
    let secret = house.keys.secret.to_key_string();
    let good = verifier.saying("GET");
    let stolen =
        VerifierCredential::new(verifier.id, "localhost:7700".parse().unwrap(), SigningKey::from_seed(&[3; 32]));
    for (request, code) in [
        (unsigned(Request::get("/v1/directory")), "credential_missing"),
        (unsigned(Request::get("/v1/directory").header("cookie", "doorkey=x")), "credential_missing"),
        (without("signature"), "proof_missing"),
        (without("signature-input"), "proof_missing"),
        (with("authorization", &format!("Bearer {}", *secret)), "multiple_credentials"),
        (with("origin", "http://localhost:7700"), "origin_not_allowed"),
        (with("content-encoding", "identity"), "unsupported_encoding"),
        (with("transfer-encoding", "gzip, chunked"), "unsupported_encoding"),
        (with("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"), "components_incomplete"),
        (with("signature", "dk=:AA==:"), "malformed_signature"),
        (at("/v1/directory?since=2"), "signature_invalid"),
        (at("/v1/directory"), "signature_invalid"),
        (at("http://localhost:7700/v1/directory?since=1"), "malformed_request"),
        (saying(Saying { method: "POST", ..verifier.saying("GET") }), "signature_invalid"),
        (saying(Saying { authority: "anything.example", ..verifier.saying("GET") }), "signature_invalid"),
        (saying(Saying { created: NOW - 61, ..verifier.saying("GET") }), "window_invalid"),
        (saying(Saying { created: NOW + 31, ..verifier.saying("GET") }), "window_invalid"),
        (saying(Saying { lifetime: 61, ..verifier.saying("GET") }), "window_invalid"),
        (saying(Saying { key: ProofKey::Secret(house.keys.secret.id()), ..good }), "wrong_key_kind"),
        (other.get("/v1/directory"), "key_unknown"),
        (Verifier::of(&stolen).get("/v1/directory"), "signature_invalid"),
        (with_a_body, "body_too_large"),
        (verifier.get("/v1/directory?sinse=1"), "invalid_input"),
        (verifier.get("/v1/directory?since=-1"), "invalid_input"),
    ] {
        let shown = format!("{request:?}");
        let answer = house.send(request).await;
        assert_eq!(answer.refusal().1, code, "{shown}");
        assert_eq!(Some(answer.refusal().0), ErrorCode::parse(code).map(ErrorCode::status));
    }
    let mut changed = verifier.post("/v1/usage", "{\"spool\":\"AAAAAAAAAAAAAAAA\",\"sequence\":1,\"counts\":[]}");
    *changed.body_mut() = Body::from("{\"spool\":\"AAAAAAAAAAAAAAAA\",\"sequence\":2,\"counts\":[]}");
    assert_eq!(house.send(changed).await.refusal(), (401, "digest_mismatch"));
    let mut typed = verifier.post("/v1/usage", "{}");
    typed.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(house.send(typed).await.refusal(), (401, "signature_invalid"));
}

async fn over_http_2_a_target_names_its_host(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let request = |version| {
        let mut request = verifier.get("/v1/directory");
        *request.uri_mut() = "http://localhost:7700/v1/directory".parse().unwrap();
        *request.version_mut() = version;
        request
    };
    assert_eq!(house.send(request(http::Version::HTTP_2)).await.status, 200);
    assert_eq!(house.send(request(http::Version::HTTP_11)).await.refusal(), (400, "malformed_request"));
}

async fn a_request_counts_once(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let again = |request: &Request<Body>| {
        let mut copy = Request::get(request.uri().clone()).body(Body::empty()).unwrap();
        *copy.headers_mut() = request.headers().clone();
        copy
    };
    let first = verifier.get("/v1/directory");
    let copies = [again(&first), again(&first)];
    assert_eq!(house.send(first).await.status, 200);
    for copy in copies {
        assert_eq!(house.send(copy).await.refusal(), (401, "replayed"));
    }
    // Another verifier's nonces are its own.
    let other = Verifier::add(&house).await;
    assert_eq!(house.send(other.get("/v1/directory")).await.status, 200);
    assert_eq!(house.send(verifier.get("/v1/directory")).await.status, 200);
}

async fn a_revoked_verifier_is_told_so_once_it_has_proved_who_it_is(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let registry = house.issuer.registry();
    for _ in 0..2 {
        assert_eq!(registry.revoke_verifier(&OPERATOR, verifier.id).await.unwrap().revoked_at, Some(NOW));
    }
    assert_eq!(house.send(verifier.get("/v1/directory")).await.refusal(), (401, "key_revoked"));
    assert_eq!(house.send(verifier.post("/v1/usage", "{}")).await.refusal(), (401, "key_revoked"));
    let guessed = Verifier { key: SigningKey::from_seed(&[3; 32]), ..verifier };
    assert_eq!(house.send(guessed.get("/v1/directory")).await.refusal(), (401, "signature_invalid"));
    let unknown = registry.revoke_verifier(&OPERATOR, VerifierId::from_bytes([9; 16])).await.unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);
}

async fn a_request_from_before_the_start_is_refused(on: On) {
    let house = House::new(on).await;
    let verifier = Verifier::add(&house).await;
    let earlier = Saying { created: NOW - 1, ..verifier.saying("GET") };
    let answer = house.send(verifier.sign(&earlier, "GET", "/v1/directory", None)).await;
    assert_eq!(answer.refusal(), (401, "window_invalid"));
}

async fn verifiers_are_the_operator_s(on: On) {
    let entropy = std::sync::Arc::new(Seeded::default());
    let house = House::with(on, CATALOGUE, entropy.clone()).await;
    let registry = house.issuer.registry();
    for name in ["", " a", &"a".repeat(101)] {
        assert_eq!(registry.add_verifier(&OPERATOR, name).await.unwrap_err().code(), ErrorCode::InvalidInput);
    }
    let (record, credential) = registry.add_verifier(&OPERATOR, "Pictures").await.unwrap();
    registry.revoke_verifier(&OPERATOR, record.id).await.unwrap();
    let listed = registry.verifiers().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].revoked_at), ("Pictures", Some(NOW)));
    assert!(registry.verify_audit(None).await.unwrap().is_ok());
    // What signs in is not in the store.
    let (stored, seed) = (house.place.bytes(), credential.signing_key().to_seed());
    assert!(!stored.windows(32).any(|window| window == &seed[..]));
    assert!(stored.windows(32).any(|window| window == record.public_key));
}

async fn when_a_verifier_was_here_is_noted(on: On) {
    let scene = Scene::new(on).await;
    let (house, registry) = (&scene.house, scene.house.issuer.registry());
    let verifier = Verifier::add(house).await;
    scene.clock.pass(100);
    let now = scene.clock.now();
    assert_eq!(house.send(verifier.get_at("/v1/directory", now)).await.status, 200);
    registry.wind().await.unwrap();
    assert_eq!(registry.verifiers().await.unwrap()[0].last_seen_at, Some(now));
}
