//! Requests to the issuer over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorkey_core::{Error, ErrorCode, Origin, VerifierCredential, VerifierId};
use http::Method;
use reqwest::Response;

use crate::ambient::{Clock, Entropy, random};
use crate::issuer_signer::{IssuerSigner, MAX_PROBLEM_LEN};

/// The issuer, as a verifier calls it.
#[derive(Debug)]
pub(super) struct Requests {
    client: reqwest::Client,
    signer: IssuerSigner,
    /// Where requests go to; what they are signed for is the credential's issuer.
    url: Origin,
    clock: Arc<dyn Clock>,
    patience: Duration,
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
        let signer = IssuerSigner::new(credential, random(entropy));
        Self { client, signer, url, clock, patience }
    }

    /// The issuer that requests are signed for.
    pub(super) fn issuer(&self) -> Origin {
        self.signer.issuer()
    }

    /// Whose requests they are.
    pub(super) fn verifier(&self) -> VerifierId {
        self.signer.verifier()
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
        let headers = self.signer.sign(method.as_str(), target, body.as_deref(), self.clock.now())?;
        let mut request = self.client.request(method, format!("{}{target}", self.url));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        match tokio::time::timeout(self.patience, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => Err(away("the issuer cannot be reached")),
            Err(_) => Err(away("the issuer does not answer")),
        }
    }

    /// What an answer says that is no success; see [`IssuerSigner::refusal`].
    pub(super) async fn refusal(&self, response: Response) -> Error {
        let status = response.status().as_u16();
        let document = tokio::time::timeout(self.patience, read(response)).await.ok().flatten();
        self.signer.refusal(status, document.as_deref(), self.clock.now())
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
