use doorkey_core::{Error, RequestTarget, SignedUrl, VerifyingKey};
use serde_json::Value;

use crate::{list, read, text};

/// What shows only with the token, the headers, the body and a memory of what was accepted.
const BEYOND: [&str; 8] = [
    "key_mismatch",
    "malformed_token",
    "token_expired",
    "token_invalid",
    "origin_not_allowed",
    "components_incomplete",
    "multiple_credentials",
    "replayed",
];

fn judge(file: &Value, vector: &Value) -> Result<(), Error> {
    let request = &vector["request"];
    let url = SignedUrl::parse(RequestTarget::parse(text(request, "target"))?)?.unwrap();
    url.check_window(file["now"].as_u64().unwrap(), file["skew"].as_u64().unwrap())?;
    // A weak key is bound to no token; what there is to say of it is `key_mismatch`.
    if let Ok(key) = VerifyingKey::from_bytes(url.key_bytes()) {
        url.verify(&key, "api.example.com")?;
    }
    if let Some(bare) = vector["bare_target"].as_str() {
        assert_eq!(url.bare_target().as_str(), bare, "{}", vector["name"]);
    }
    Ok(())
}

#[test]
fn every_signed_url_gets_its_verdict() {
    let file = read("signed-urls");
    for vector in list(&file, "vectors") {
        let (name, code) = (text(vector, "name"), text(vector, "code"));
        // That the method is another one, the caller sees.
        let is_beyond = BEYOND.contains(&code) || text(&vector["request"], "method") != "GET";
        match judge(&file, vector) {
            Err(error) => assert_eq!(error.code().as_str(), code, "{name}: {error}"),
            Ok(()) => assert!(code == "accepted" || is_beyond, "{name} was accepted"),
        }
    }
}
