//! A verifier's requests to its issuer, signed with its credential. Sending them is somebody else's.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use doorkey_core::{
    ContentDigest, Error, ErrorCode, MAX_PROOF_WINDOW, Nonce, Origin, ProofBody, ProofKey, ProofRequest, RequestTarget,
    UnsignedProof, VerifierCredential, VerifierId,
};
use http::header::{CONTENT_TYPE, HeaderName};
use serde::Deserialize;

const JSON: &str = "application/json";
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// A problem document has a few hundred bytes; more than this is none.
pub const MAX_PROBLEM_LEN: usize = 64 * 1024;

/// Signs requests to the issuer, for its clock.
#[derive(Debug)]
pub struct IssuerSigner {
    credential: VerifierCredential,
    stream: [u8; 12],
    counter: AtomicU64,
    /// By how many seconds the issuer's clock is ahead, if it has found fault with the time of a request.
    ahead: AtomicI64,
}

impl IssuerSigner {
    /// A signer with a credential; `stream` is random, and makes no two signers' requests the same.
    pub fn new(credential: VerifierCredential, stream: [u8; 12]) -> Self {
        Self { credential, stream, counter: AtomicU64::new(0), ahead: AtomicI64::new(0) }
    }

    /// The issuer that requests are signed for.
    pub fn issuer(&self) -> Origin {
        self.credential.issuer()
    }

    /// Whose requests they are.
    pub fn verifier(&self) -> VerifierId {
        self.credential.id()
    }

    /// The headers of a request for `target`, an absolute path with its query, that is made at `now` (Unix seconds); with
    /// a JSON document if there is one.
    pub fn sign(
        &self,
        method: &str,
        target: &str,
        json: Option<&[u8]>,
        now: u64,
    ) -> Result<Vec<(HeaderName, String)>, Error> {
        let digest = json.map(|body| ContentDigest::of(body).to_header());
        let issuer = self.credential.issuer();
        let covered = ProofRequest {
            method,
            authority: issuer.authority(),
            target: RequestTarget::parse(target)?,
            authorization: None,
            body: digest.as_deref().map(|content_digest| ProofBody { content_type: JSON, content_digest }),
        };
        let signer = ProofKey::Verifier(self.credential.id());
        let nonce = Nonce::new(self.stream, self.counter.fetch_add(1, Ordering::Relaxed));
        let created = now.saturating_add_signed(self.ahead.load(Ordering::Relaxed));
        let proof = UnsignedProof::new(&covered, signer, nonce, created, MAX_PROOF_WINDOW)?;
        let signature = UnsignedProof::signature(&self.credential.signing_key().sign(proof.base().as_bytes()));
        let mut headers = vec![(SIGNATURE_INPUT, proof.signature_input().clone()), (SIGNATURE, signature.clone())];
        headers.extend(digest.into_iter().flat_map(|digest| [(CONTENT_TYPE, JSON.into()), (CONTENT_DIGEST, digest)]));
        Ok(headers)
    }

    /// What an answer says that is no success: the code of its problem document, if it is one. If it is the time that is
    /// wrong, what is signed from now on is for the issuer's; `now` is in Unix seconds.
    pub fn refusal(&self, status: u16, document: Option<&[u8]>, now: u64) -> Error {
        #[derive(Deserialize)]
        struct Problem {
            code: String,
            #[serde(default)]
            server_time: f64,
        }
        let document = document.filter(|document| document.len() <= MAX_PROBLEM_LEN);
        let problem = document.and_then(|document| serde_json::from_slice::<Problem>(document).ok());
        let code = problem.as_ref().and_then(|problem| ErrorCode::parse(&problem.code));
        if let (Some(problem), Some(ErrorCode::WindowInvalid)) = (&problem, code)
            && let Ok(there) = Duration::try_from_secs_f64(problem.server_time)
        {
            let ahead = there.as_secs().cast_signed().saturating_sub(now.cast_signed());
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        Error::new(code.unwrap_or(ErrorCode::IssuerUnavailable), format!("the issuer answers with status {status}"))
    }

    /// Whether an answer with this status means that the issuer does not take this verifier's requests, and that it is not
    /// their time that is wrong, which can be put right.
    pub fn is_lasting(status: u16, refusal: &Error) -> bool {
        matches!(status, 401 | 403) && refusal.code() != ErrorCode::WindowInvalid
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::{ErrorCode, Proof, SigningKey, VerifierCredential, VerifierId};
    use http::{HeaderMap, HeaderName};

    use super::{IssuerSigner, MAX_PROBLEM_LEN};
    use crate::signed::{BodyRule, ProofTerms, SignatureFields, SignedRequest};
    use crate::{ReplayMemory, RequestHead};

    fn signer() -> IssuerSigner {
        let id = VerifierId::from_parts(1, [7; 10]);
        let key = SigningKey::from_seed(&[9; 32]);
        IssuerSigner::new(VerifierCredential::new(id, "keys.example.com".parse().unwrap(), key), [5; 12])
    }

    fn verify(headers: &[(HeaderName, String)], method: &str, target: &str, now: u64) -> Result<BodyRule, ErrorCode> {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let head = RequestHead { method, target, authority: None, headers: &headers, peer: None };
        let signed =
            SignedRequest::read(head.method, doorkey_core::RequestTarget::parse(head.target).unwrap(), head.headers);
        let signed = signed.unwrap();
        let fields = SignatureFields::of(&headers).unwrap();
        let proof: Proof<'_> = fields.proof().unwrap().unwrap();
        let replay = ReplayMemory::new(10, 10, 30);
        let terms = ProofTerms { authority: "keys.example.com", now, skew: 30, replay: &replay };
        let key = SigningKey::from_seed(&[9; 32]).verifying_key();
        signed.verify(&proof, &key, None, &terms).map(|_| signed.body()).map_err(|error| error.code())
    }

    #[test]
    fn a_request_is_good_for_what_it_was_signed_for() {
        let signer = signer();
        let get = signer.sign("GET", "/v1/directory?since=1", None, 1000).unwrap();
        assert_eq!(verify(&get, "GET", "/v1/directory?since=1", 1000), Ok(BodyRule::Empty));
        assert_eq!(verify(&get, "GET", "/v1/directory?since=0", 1000), Err(ErrorCode::SignatureInvalid));
        let post = signer.sign("POST", "/v1/usage", Some(b"{}"), 1000).unwrap();
        let body = verify(&post, "POST", "/v1/usage", 1000).unwrap();
        assert!(body.check(b"{}").is_ok() && body.check(b"[]").is_err());
        let again = signer.sign("GET", "/v1/directory?since=1", None, 1000).unwrap();
        assert_ne!(get, again, "each has a nonce of its own");
    }

    #[test]
    fn the_issuers_clock_is_learnt_from_what_it_refuses() {
        let signer = signer();
        let refuse = |code, time| {
            let document = format!(r#"{{"code":"{code}","status":401,"server_time":{time}}}"#);
            signer.refusal(401, Some(document.as_bytes()), 1000)
        };
        let signed_at = |there| verify(&signer.sign("GET", "/", None, 1010).unwrap(), "GET", "/", there);
        assert_eq!(refuse("key_unknown", "5000.5").code(), ErrorCode::KeyUnknown);
        assert_eq!(signed_at(1010), Ok(BodyRule::Empty), "any other fault says nothing of the time");
        for (there, time) in [(5010, "5000.5"), (510, "500")] {
            let refusal = refuse("window_invalid", time);
            assert!(!IssuerSigner::is_lasting(401, &refusal));
            assert_eq!(signed_at(there), Ok(BodyRule::Empty));
            assert_eq!(signed_at(1010), Err(ErrorCode::WindowInvalid));
        }
        for time in ["-1", "1e300"] {
            refuse("window_invalid", time);
            assert_eq!(signed_at(510), Ok(BodyRule::Empty), "{time} is no time");
        }
    }

    #[test]
    fn what_is_no_problem_document_is_an_issuer_that_is_away() {
        let large = format!(r#"{{"code":"key_revoked"{}}}"#, " ".repeat(MAX_PROBLEM_LEN));
        for document in [None, Some("<html>"), Some(r#"{"code":"no_such"}"#), Some(&*large)] {
            let refusal = signer().refusal(502, document.map(str::as_bytes), 0);
            assert_eq!(refusal.code(), ErrorCode::IssuerUnavailable);
            assert!(!IssuerSigner::is_lasting(502, &refusal) && IssuerSigner::is_lasting(403, &refusal));
        }
    }
}
