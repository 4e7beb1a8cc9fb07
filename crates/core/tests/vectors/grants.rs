use doorkey_core::{GrantClaims, UnverifiedGrant, Verified, VerifyingKey};
use serde_json::Value;

use crate::{list, read, text};

#[test]
fn every_grant_gets_its_verdict() {
    let file = read("grants");
    let key = VerifyingKey::from_base64url(text(&file["key"], "x")).unwrap();
    let verify = |vector: &Value| -> Result<Verified<GrantClaims>, doorkey_core::Error> {
        let grant = UnverifiedGrant::parse(text(vector, "grant"))?;
        assert_eq!(grant.key_id().to_string(), text(&file["key"], "id"));
        grant.verify(&key, text(&file, "issuer"), file["now"].as_u64().unwrap(), file["skew"].as_u64().unwrap())
    };
    for vector in list(&file, "accepted") {
        let claims = verify(vector).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert_eq!(serde_json::to_value(&*claims).unwrap(), vector["claims"], "{}", vector["name"]);
    }
    for vector in list(&file, "refused") {
        let error = verify(vector).err().unwrap_or_else(|| panic!("{} was accepted", vector["name"]));
        assert_eq!(error.code().as_str(), text(vector, "code"), "{}", vector["name"]);
    }
}
