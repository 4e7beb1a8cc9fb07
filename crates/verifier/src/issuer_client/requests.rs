//! Requests to the issuer, signed with the verifier's credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{
    ContentDigest, Error, ErrorCode, MAX_PROOF_WINDOW, Nonce, Origin, ProofBody, ProofKey, ProofRequest, RequestTarget,
    UnsignedProof, VerifierCredential,
};
use http::Method;
use reqwest::Response;
use serde::Deserialize;

use crate::ambient::{Clock, Entropy, random};

const JSON: &str = "application/json";
/// A problem document has a few hundred bytes.
const MAX_PROBLEM_LEN: usize = 64 * 1024;

/// The issuer, as a verifier calls it.
#[derive(Debug)]
pub(super) struct Requests {
    client: reqwest::Client,
    credential: VerifierCredential,
    /// Where requests go to; what they are signed for is the credential's issuer.
    url: Origin,
    clock: Arc<dyn Clock>,
    patience: Duration,
    stream: [u8; 12],
    counter: AtomicU64,
    /// By how many seconds the issuer's clock is ahead, if it has found fault with the time of a request.
    ahead: AtomicI64,
}

impl Requests {
    pub(super) fn new(
        client: reqwest::Client,
        credential: VerifierCredential,
        url: Origin,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        patience: Duration,
    ) -> Self {
        let stream = random(entropy);
        let (counter, ahead) = (AtomicU64::new(0), AtomicI64::new(0));
        Self { client, credential, url, clock, patience, stream, counter, ahead }
    }

    /// The issuer that requests are signed for.
    pub(super) fn issuer(&self) -> Origin {
        self.credential.issuer()
    }

    pub(super) fn credential(&self) -> &VerifierCredential {
        &self.credential
    }

    /// How long the issuer may be silent.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Asks for `target`, an absolute path with its query.
    pub(super) async fn get(&self, target: &str) -> Result<Response, Error> {
        self.send(Method::GET, target, None).await
    }

    /// Sends a JSON document to `target`.
    pub(super) async fn post(&self, target: &str, json: Vec<u8>) -> Result<Response, Error> {
        self.send(Method::POST, target, Some(json.into())).await
    }

    async fn send(&self, method: Method, target: &str, body: Option<Bytes>) -> Result<Response, Error> {
        let digest = body.as_ref().map(|body| ContentDigest::of(body).to_header());
        let issuer = self.credential.issuer();
        let covered = ProofRequest {
            method: method.as_str(),
            authority: issuer.authority(),
            target: RequestTarget::parse(target)?,
            authorization: None,
            body: digest.as_deref().map(|content_digest| ProofBody { content_type: JSON, content_digest }),
        };
        let signer = ProofKey::Verifier(self.credential.id());
        let nonce = Nonce::new(self.stream, self.counter.fetch_add(1, Ordering::Relaxed));
        let created = self.clock.now().saturating_add_signed(self.ahead.load(Ordering::Relaxed));
        let proof = UnsignedProof::new(&covered, signer, nonce, created, MAX_PROOF_WINDOW)?;
        let signature = UnsignedProof::signature(&self.credential.signing_key().sign(proof.base().as_bytes()));
        let mut request = self
            .client
            .request(method, format!("{}{target}", self.url))
            .header("signature-input", proof.signature_input())
            .header("signature", signature);
        if let (Some(body), Some(digest)) = (body, digest) {
            request = request.header("content-type", JSON).header("content-digest", digest).body(body);
        }
        match tokio::time::timeout(self.patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => Err(away("the issuer cannot be reached")),
            Err(_) => Err(away("the issuer does not answer")),
        }
    }

    /// What an answer says that is no success: the code of its problem document, if it is one. If it is the time that is
    /// wrong, the next requests are signed for the issuer's.
    pub(super) async fn refusal(&self, response: Response) -> Error {
        #[derive(Deserialize)]
        struct Problem {
            code: String,
            #[serde(default)]
            server_time: f64,
        }
        let status = response.status();
        let document = tokio::time::timeout(self.patience, read(response)).await.ok().flatten();
        let problem = document.and_then(|document| serde_json::from_slice::<Problem>(&document).ok());
        let code = problem.as_ref().and_then(|problem| ErrorCode::parse(&problem.code));
        if let (Some(problem), Some(ErrorCode::WindowInvalid)) = (&problem, code)
            && let Ok(there) = Duration::try_from_secs_f64(problem.server_time)
        {
            let ahead = there.as_secs().cast_signed().saturating_sub(self.clock.now().cast_signed());
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let detail = format!("the issuer answers with status {}", status.as_u16());
        Error::new(code.unwrap_or(ErrorCode::IssuerUnavailable), detail)
    }
}

async fn read(mut response: Response) -> Option<Vec<u8>> {
    let mut document = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        document.extend_from_slice(&piece);
        if document.len() > MAX_PROBLEM_LEN {
            return None;
        }
    }
    Some(document)
}

pub(super) fn away(detail: &'static str) -> Error {
    Error::new(ErrorCode::IssuerUnavailable, detail)
}
