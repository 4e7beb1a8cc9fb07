use doorkey_core::{Proof, ProofKey, ProofRequest, RequestTarget, VerifierCredential, VerifyingKey};

use crate::{list, read, text};

#[test]
fn every_credential_is_read_or_refused() {
    let file = read("verifier-credentials");
    for vector in list(&file, "accepted") {
        let string = text(vector, "text");
        let credential =
            VerifierCredential::parse(string).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        assert_eq!(*credential.to_text(), string);
        assert_eq!(credential.id().to_string(), text(vector, "verifier_id"));
        assert_eq!(credential.issuer().as_str(), text(vector, "issuer"));
        assert_eq!(*credential.signing_key().to_seed(), [8; 32]);
    }
    for vector in list(&file, "refused") {
        let error = VerifierCredential::parse(text(vector, "text")).err();
        let error = error.unwrap_or_else(|| panic!("{} was accepted", vector["name"]));
        assert_eq!(error.code().as_str(), text(vector, "code"), "{}", vector["name"]);
        if let Some(offset) = vector["offset"].as_u64() {
            assert_eq!(error.offset(), Some(usize::try_from(offset).unwrap()), "{}", vector["name"]);
        }
    }
}

#[test]
fn a_verifier_signs_its_requests() {
    let file = read("verifier-credentials");
    let id = text(&file["accepted"][0], "verifier_id");
    for vector in list(&file, "requests") {
        let request = &vector["request"];
        let header = |name: &str| {
            let headers = request["headers"].as_array().unwrap();
            headers.iter().find(|header| header[0] == name).and_then(|header| header[1].as_str()).unwrap()
        };
        let proof = Proof::parse(header("signature-input"), header("signature")).unwrap();
        assert_eq!(proof.key(), ProofKey::Verifier(id.parse().unwrap()));
        let covered = ProofRequest {
            method: text(request, "method"),
            authority: text(vector, "authority"),
            target: RequestTarget::parse(text(request, "target")).unwrap(),
            authorization: None,
            body: None,
        };
        proof.verify(&VerifyingKey::from_base64url(text(vector, "x")).unwrap(), &covered).unwrap();
    }
}
