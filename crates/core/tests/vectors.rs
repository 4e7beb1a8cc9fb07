//! The shared vectors of `tests/vectors`: key strings, tokens, and what a signer has to produce.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use doorkey_core::token::{Expected, UnverifiedToken};
use doorkey_core::{
    ContentDigest, ErrorCode, JwkSet, KeyKind, MintClaims, Nonce, Origin, Proof, ProofBody, ProofRequest,
    PublishableKey, RequestTarget, SecretKey, SignedMint, SigningKey, Thumbprint, UnsignedProof, assemble_mint,
};
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = format!("{}/../../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list<'a>(file: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = file[name].as_array().unwrap();
    assert!(!list.is_empty());
    list.iter()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} of {}", vector["name"]))
}

fn kind(vector: &Value) -> KeyKind {
    if text(vector, "kind") == "pk" { KeyKind::Publishable } else { KeyKind::Secret }
}

#[test]
fn key_strings() {
    let file = read("key-strings");
    for vector in list(&file, "accepted") {
        let string = text(vector, "text");
        match kind(vector) {
            KeyKind::Publishable => {
                let key = PublishableKey::parse(string).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
                assert_eq!(key.to_string(), string);
                assert_eq!(key.id().to_string(), text(vector, "key_id"));
                assert_eq!(key.environment().as_str(), text(vector, "environment"));
                assert_eq!(key.brand().map(doorkey_core::Brand::as_str), vector["brand"].as_str());
                assert_eq!(key.issuer().as_str(), text(vector, "issuer"));
            }
            KeyKind::Secret => {
                let key = SecretKey::parse(string).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
                assert_eq!(*key.to_key_string(), string);
                assert_eq!(key.id().to_string(), text(vector, "key_id"));
                assert_eq!(*key.signing_key().to_seed(), [9; 32]);
            }
        }
    }
    for vector in list(&file, "refused") {
        let string = text(vector, "text");
        let error = match kind(vector) {
            KeyKind::Publishable => PublishableKey::parse(string).err(),
            KeyKind::Secret => SecretKey::parse(string).err(),
        };
        let error = error.unwrap_or_else(|| panic!("{} was accepted", vector["name"]));
        assert_eq!(error.code().as_str(), text(vector, "code"), "{}", vector["name"]);
        if let Some(offset) = vector["offset"].as_u64() {
            assert_eq!(error.offset(), Some(usize::try_from(offset).unwrap()), "{}", vector["name"]);
        }
    }
}

#[test]
fn tokens() {
    let file = read("tokens");
    let keys = JwkSet::parse(file["jwks"].to_string().as_bytes()).unwrap();
    let audience: Origin = text(&file, "audience").parse().unwrap();
    let expected = Expected {
        issuer: text(&file, "issuer"),
        audience: &audience,
        now: file["now"].as_u64().unwrap(),
        skew: file["skew"].as_u64().unwrap(),
    };
    let verify = |vector: &Value| {
        let token = UnverifiedToken::parse(text(vector, "token"))?;
        let key = keys.find(&token.kid());
        let unknown = || doorkey_core::Error::new(ErrorCode::TokenInvalid, "unknown kid");
        token.verify(key.ok_or_else(unknown)?, &expected)
    };
    for vector in list(&file, "accepted") {
        let claims = verify(vector).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert!(claims.aud.contains(&audience));
    }
    for vector in list(&file, "refused") {
        let error = verify(vector).err().unwrap_or_else(|| panic!("{} was accepted", vector["name"]));
        assert_eq!(error.code().as_str(), text(vector, "code"), "{}: {error}", vector["name"]);
    }
}

#[test]
fn signing() {
    let file = read("signing");
    let seed: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&text(&file, "seed")[2 * i..2 * i + 2], 16).unwrap()).collect();
    let key = SigningKey::from_seed(&seed.try_into().unwrap());
    assert_eq!(key.verifying_key().to_base64url(), text(&file, "x"));
    assert_eq!(Thumbprint::of(&key.verifying_key()).to_string(), text(&file, "jkt"));
    let created = file["created"].as_u64().unwrap();
    for vector in list(&file, "proofs") {
        let (origin, target) = text(vector, "url").split_at(text(vector, "url").rfind("/p").unwrap());
        let body = vector["body"].as_str().map(|body| ContentDigest::of(body.as_bytes()).to_header());
        assert_eq!(body.as_deref(), vector["content_digest"].as_str());
        let request = ProofRequest {
            method: text(vector, "method"),
            authority: origin.parse::<Origin>().unwrap().authority().to_owned().leak(),
            target: RequestTarget::parse(target).unwrap(),
            authorization: Some(text(vector, "authorization")),
            body: body
                .as_deref()
                .map(|content_digest| ProofBody { content_type: text(vector, "content_type"), content_digest }),
        };
        let nonce = Nonce::new([5; 12], file["counter"].as_u64().unwrap());
        let lifetime = file["lifetime"].as_u64().unwrap();
        let proof = UnsignedProof::new(&request, (&key.verifying_key()).into(), nonce, created, lifetime).unwrap();
        assert_eq!(proof.base(), text(vector, "base"), "{}", vector["name"]);
        assert_eq!(proof.signature_input(), text(vector, "signature_input"));
        let signature = UnsignedProof::signature(&key.sign(proof.base().as_bytes()));
        assert_eq!(signature, text(vector, "signature"));

        let parsed = Proof::parse(text(vector, "signature_input"), text(vector, "signature")).unwrap();
        parsed.verify(&key.verifying_key(), &request).unwrap();
        assert_eq!(parsed.key().jkt().unwrap(), Thumbprint::of(&key.verifying_key()));
    }
    let claims: MintClaims = serde_json::from_value(file["mint"]["claims"].clone()).unwrap();
    let input = claims.to_signing_input(&key.verifying_key());
    let signature = key.sign(input.as_bytes());
    let body = assemble_mint(input, &signature);
    assert_eq!(body, file["mint"]["jws"].as_str().unwrap());
    assert_eq!(SignedMint::verify(&body).unwrap().claims, claims);
}
