use doorkey_core::{
    ContentDigest, Error, Proof, ProofBody, ProofKey, ProofRequest, RequestTarget, SecretKey, VerifierCredential,
    VerifyingKey, parse_base64,
};
use serde_json::Value;

use crate::{list, read, text};

/// What shows only with all headers, the directory and a memory of what was accepted.
const BEYOND: [&str; 4] = ["key_unknown", "secret_key_in_browser", "multiple_credentials", "replayed"];

fn header<'a>(request: &'a Value, name: &str) -> Option<&'a str> {
    request["headers"].as_array().unwrap().iter().find(|header| header[0] == name).and_then(|header| header[1].as_str())
}

/// A key that is sent whole: its string is read, and the id and the public half are those of the one known key.
fn judge_sent(known: &Value, authorization: &str) -> Result<bool, Error> {
    let (scheme, value) = authorization.split_once(' ').unwrap();
    let sent = if scheme == "Basic" {
        let user_name = String::from_utf8(parse_base64(value).unwrap()).unwrap();
        user_name.strip_suffix(':').unwrap().to_owned()
    } else {
        value.to_owned()
    };
    if VerifierCredential::parse(&sent).is_ok() {
        return Err(Error::new(doorkey_core::ErrorCode::WrongKeyKind, "a verifier's credential"));
    }
    let key = SecretKey::parse(&sent)?;
    let public = key.signing_key().verifying_key().to_base64url();
    Ok(key.id().to_string() == text(known, "key_id") && public == text(known, "x"))
}

/// A request that the one known key signs.
fn judge_signed(file: &Value, known: &Value, request: &Value) -> Result<bool, Error> {
    let body = request["body"].as_str().unwrap_or_default();
    let proof = Proof::parse(header(request, "signature-input").unwrap(), header(request, "signature").unwrap())?;
    proof.check_window(file["now"].as_u64().unwrap(), file["skew"].as_u64().unwrap())?;
    let ProofKey::Secret(id) = proof.key() else { panic!("the key of a session or a verifier") };
    if id.to_string() != text(known, "key_id") {
        return Ok(false);
    }
    let content_digest = header(request, "content-digest");
    let covered = ProofRequest {
        method: text(request, "method"),
        authority: "api.example.com",
        target: RequestTarget::parse(text(request, "target"))?,
        authorization: None,
        body: content_digest
            .zip(header(request, "content-type"))
            .map(|(content_digest, content_type)| ProofBody { content_type, content_digest }),
    };
    let incomplete = |detail| Error::new(doorkey_core::ErrorCode::ComponentsIncomplete, detail);
    if proof.covers_body() != content_digest.is_some() || content_digest.is_some() == body.is_empty() {
        return Err(incomplete("the digest is covered if and only if there is a body"));
    }
    proof.verify(&VerifyingKey::from_base64url(text(known, "x"))?, &covered)?;
    match content_digest.map(ContentDigest::parse).transpose()? {
        Some(digest) if digest != ContentDigest::of(body.as_bytes()) => {
            Err(Error::new(doorkey_core::ErrorCode::DigestMismatch, "another body"))
        }
        _ => Ok(true),
    }
}

#[test]
fn every_request_of_a_server_gets_its_verdict() {
    let file = read("secret-keys");
    let known = &file["keys"][0];
    for vector in list(&file, "vectors") {
        let (name, code, request) = (text(vector, "name"), text(vector, "code"), &vector["request"]);
        // How the header is read is the verifier's.
        if code == "credential_missing" {
            continue;
        }
        let verdict = match header(request, "authorization") {
            Some(authorization) if !authorization.starts_with("Doorkey ") => judge_sent(known, authorization),
            _ => judge_signed(&file, known, request),
        };
        match verdict {
            Err(error) => assert_eq!(error.code().as_str(), code, "{name}: {error}"),
            Ok(true) => assert!(code == "accepted" || BEYOND.contains(&code), "{name} was accepted"),
            Ok(false) => assert_eq!(code, "key_unknown", "{name}"),
        }
    }
}
