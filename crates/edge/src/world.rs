//! An issuer as tests have it: its credential, its answers, and a secret key.

use doorkey_core::{Environment, JwkSet, KeyId, SecretKey, SigningKey, VerifierCredential, VerifierId};
use doorkey_verifier::Moment;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://keys.example.com";
pub(crate) const NOW: f64 = 1_760_000_000_000.0;

/// So many milliseconds after the start, by both clocks.
pub(crate) fn at(millis: f64) -> Moment {
    crate::report::moment(NOW + millis, millis)
}

pub(crate) fn credential() -> VerifierCredential {
    let id = VerifierId::from_parts(1, [7; 10]);
    VerifierCredential::new(id, "keys.example.com".parse().unwrap(), SigningKey::from_seed(&[9; 32]))
}

pub(crate) fn secret_key() -> SecretKey {
    SecretKey::new(KeyId::from_parts(1, [9; 10]), Environment::Live, SigningKey::from_seed(&[8; 32]))
}

/// The secret key as the directory has it, with some members more.
pub(crate) fn key_line(more: &Value) -> String {
    let key = secret_key();
    let public = doorkey_core::to_base64url(key.signing_key().verifying_key().as_bytes());
    let mut members = json!({
        "id": key.id(), "kind": "secret", "environment": "live", "organization": "org_00000000000000000000000000",
        "public_key": public, "brand": "", "scopes": "pictures:read",
    });
    let (Value::Object(known), Value::Object(more)) = (&mut members, more) else { panic!("objects") };
    known.extend(more.clone());
    json!({ "key": members }).to_string() + "\n"
}

/// A whole answer on top of `since`, up to `revision`.
pub(crate) fn answer(since: u64, lines: &[String], revision: u64) -> String {
    let jwks: Value =
        serde_json::from_str(&JwkSet::new([SigningKey::from_seed(&[1; 32]).verifying_key()]).to_json()).unwrap();
    let mut text = json!({ "begin": { "history": "h", "since": since } }).to_string() + "\n";
    text += &(json!({ "settings": { "issuer": ISSUER, "jwks": jwks } }).to_string() + "\n");
    text += &lines.concat();
    text + &json!({ "synced": { "revision": revision, "after_ms": 0 } }).to_string() + "\n"
}
