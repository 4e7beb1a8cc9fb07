//! A session that signs requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorkey_core::token::{Confirmation, DoorkeyClaims, issue};
use doorkey_core::{
    Bind, Claims, ContentDigest, Environment, KeyId, Nonce, OrganizationId, ProofBody, ProofRequest, RequestTarget,
    SessionId, SigningKey, Thumbprint, UnsignedProof, WorkspaceId,
};
use doorkey_verifier::Moment;
use http::Request;

pub(crate) const NOW: u64 = 1_760_000_000;
pub(crate) const API: &str = "https://api.example.com";
pub(crate) const ISSUER: &str = "https://keys.example.com";
pub(crate) const PAGE: &str = "https://shop.example";

pub(crate) fn moment(seconds: u64) -> Moment {
    let since = Duration::from_secs(seconds);
    Moment { wall: since, monotonic: since }
}

pub(crate) fn issuer_key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

/// A browser's session: its key, its token, and a counter for its nonces.
pub(crate) struct Session {
    key: SigningKey,
    token: String,
    counter: AtomicU64,
}

impl Session {
    pub(crate) fn new(issuer: &str, issuer_key: &SigningKey, scopes: &str) -> Self {
        Self::granted(issuer, issuer_key, scopes, None, None)
    }

    /// A session that a grant has bound.
    #[allow(dead_code, reason = "the gate's tests bind sessions")]
    pub(crate) fn bound(issuer: &str, issuer_key: &SigningKey, scopes: &str, bind: Option<Bind>) -> Self {
        Self::granted(issuer, issuer_key, scopes, bind, None)
    }

    /// A session that a secret key has granted.
    pub(crate) fn granted(
        issuer: &str,
        issuer_key: &SigningKey,
        scopes: &str,
        bind: Option<Bind>,
        granted_by: Option<KeyId>,
    ) -> Self {
        let key = SigningKey::from_seed(&[2; 32]);
        let key_id = KeyId::from_parts(1, [1; 10]);
        let claims = Claims {
            iss: issuer.into(),
            aud: vec![API.parse().unwrap()],
            sub: key_id.to_string(),
            client_id: key_id,
            iat: NOW,
            exp: NOW + 300,
            jti: SessionId::from_parts(1, [2; 10]),
            scope: scopes.parse().unwrap(),
            cnf: Confirmation { jkt: Thumbprint::of(&key.verifying_key()) },
            doorkey: DoorkeyClaims {
                org: OrganizationId::from_parts(1, [3; 10]),
                workspace: Some(WorkspaceId::from_parts(1, [4; 10])),
                env: Environment::Test,
                origin: PAGE.parse().unwrap(),
                bind,
                granted_by,
            },
        };
        Self { key, token: issue(&claims, issuer_key).unwrap(), counter: AtomicU64::new(0) }
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A signed request; `target` is what goes over the wire.
    pub(crate) fn request(&self, method: &str, target: &str, body: Option<&[u8]>) -> Request<Vec<u8>> {
        let authorization = format!("Doorkey {}", self.token);
        let digest = body.map(|body| ContentDigest::of(body).to_header());
        let signed = ProofRequest {
            method,
            authority: "api.example.com",
            target: RequestTarget::parse(target).unwrap(),
            authorization: Some(&authorization),
            body: digest.as_deref().map(|content_digest| ProofBody { content_type: "image/png", content_digest }),
        };
        let nonce = Nonce::new([7; 12], self.counter.fetch_add(1, Ordering::Relaxed));
        let proof = UnsignedProof::new(&signed, (&self.key.verifying_key()).into(), nonce, NOW, 60).unwrap();
        let signature = UnsignedProof::signature(&self.key.sign(proof.base().as_bytes()));
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", "api.example.com")
            .header("origin", PAGE)
            .header("authorization", authorization.as_str())
            .header("signature-input", proof.signature_input())
            .header("signature", signature);
        if let Some(digest) = digest {
            request = request.header("content-type", "image/png").header("content-digest", digest);
        }
        request.body(body.unwrap_or_default().to_vec()).unwrap()
    }
}
