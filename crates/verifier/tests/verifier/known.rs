//! A directory that a test fills, and the keys in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::{
    Environment, JwkSet, KeyId, KeyKind, Nonce, OrganizationId, ProofKey, ProofRequest, RequestTarget, SecretKey,
    SigningKey, UnsignedProof, WorkspaceId,
};
use doorkey_verifier::{
    Decision, Directory, DirectoryBegin, DirectoryKey, DirectoryLine, DirectorySettings, DirectorySynced, Moment,
    Policy, Principal, PublicKey, Refusal, ReplayMemory, RequestHead, SecretKeyCache, TokenCache,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::signer::{API, ISSUER, NOW, issuer_key, moment};

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::from_parts(1, [3; 10])
}

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::from_parts(1, [4; 10])
}

pub(crate) fn secret_key() -> SecretKey {
    SecretKey::new(KeyId::from_parts(1, [9; 10]), Environment::Live, SigningKey::from_seed(&[9; 32]))
}

/// The secret key as the directory has it.
pub(crate) fn secret() -> DirectoryKey {
    let key = secret_key();
    DirectoryKey {
        id: key.id(),
        kind: KeyKind::Secret,
        environment: Environment::Live,
        organization: organization(),
        workspace: Some(workspace()),
        workspaces: None,
        public_key: Some(PublicKey(*key.signing_key().verifying_key().as_bytes())),
        brand: Some(None),
        scopes: "pictures:read pictures:write".parse().unwrap(),
        origins: Vec::new(),
        cidrs: Vec::new(),
        rate_limit: None,
        monthly_quota: None,
        limits: BTreeMap::new(),
        shadow: BTreeSet::new(),
        expires_at: None,
        ends_at: None,
        disabled: false,
        revoked: false,
    }
}

/// The publishable key of [`Session`](crate::signer::Session), as the directory has it.
pub(crate) fn publishable() -> DirectoryKey {
    DirectoryKey {
        id: KeyId::from_parts(1, [1; 10]),
        kind: KeyKind::Publishable,
        environment: Environment::Test,
        public_key: None,
        scopes: "pictures:read".parse().unwrap(),
        origins: vec!["https://shop.example".parse().unwrap()],
        ..secret()
    }
}

pub(crate) fn settings() -> DirectorySettings {
    let keys = JwkSet::new([issuer_key().verifying_key()]).to_json();
    DirectorySettings {
        issuer: ISSUER.parse().unwrap(),
        jwks: serde_json::from_str(&keys).unwrap(),
        reusable_urls: BTreeSet::new(),
        limits: [("max_pictures".to_owned(), 10)].into(),
    }
}

/// A directory that was complete at `NOW`, with both keys in it.
pub(crate) fn directory() -> Arc<Directory> {
    let directory = Arc::new(Directory::new(Duration::from_secs(10)));
    let begin = DirectoryLine::Begin(DirectoryBegin { history: "h".into(), since: 0 });
    let lines = [begin, DirectoryLine::Settings(Box::new(settings())), key(secret()), key(publishable()), synced(1)];
    directory.apply(lines, moment(NOW)).unwrap();
    directory
}

pub(crate) fn key(key: DirectoryKey) -> DirectoryLine {
    DirectoryLine::Key(Box::new(key))
}

pub(crate) fn synced(revision: u64) -> DirectoryLine {
    DirectoryLine::Synced(DirectorySynced { revision, after_ms: 0 })
}

static KEYS: std::sync::LazyLock<JwkSet> = std::sync::LazyLock::new(|| JwkSet::new([issuer_key().verifying_key()]));

/// Decides about one request after the other.
pub(crate) struct Judge {
    pub(crate) policy: Policy,
    pub(crate) directory: Arc<Directory>,
    pub(crate) now: Moment,
    pub(crate) caches: (TokenCache, SecretKeyCache, ReplayMemory),
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self {
            policy: Policy::new(ISSUER, API).unwrap(),
            directory: directory(),
            now: moment(NOW),
            caches: (TokenCache::new(100), SecretKeyCache::new(100), ReplayMemory::new(10_000, 10_000, 30)),
        }
    }

    /// Changes what the directory says, now.
    pub(crate) fn learn(&self, lines: impl IntoIterator<Item = DirectoryLine>) {
        let revision = self.directory.position().revision;
        self.directory.apply(lines.into_iter().chain([synced(revision + 1)]), self.now).unwrap();
    }

    pub(crate) fn decision(&self) -> Decision<'_> {
        let (tokens, secret_keys, replay) = &self.caches;
        Decision::new(&self.policy, &KEYS, tokens, replay, self.now).with_directory(&self.directory, secret_keys)
    }

    /// Who is accepted, or the code of the refusal and the key that it is counted for.
    pub(crate) fn decide(&self, request: &http::Request<Vec<u8>>) -> Result<Principal, (&'static str, Option<KeyId>)> {
        self.decide_from(request, "192.0.2.1")
    }

    pub(crate) fn decide_from(
        &self,
        request: &http::Request<Vec<u8>>,
        peer: &str,
    ) -> Result<Principal, (&'static str, Option<KeyId>)> {
        self.judge(request, peer).map_err(|refusal| (refusal.error().code().as_str(), refusal.key()))
    }

    /// Who is accepted, or the whole refusal.
    pub(crate) fn judge(&self, request: &http::Request<Vec<u8>>, peer: &str) -> Result<Principal, Refusal> {
        let head = RequestHead {
            method: request.method().as_str(),
            target: request.uri().path_and_query().unwrap().as_str(),
            authority: None,
            headers: request.headers(),
            peer: peer.parse().ok(),
        };
        let decision = self.decision();
        let accepted = match decision.examine(&head) {
            Ok(examined) => decision.mark(examined).and_then(|marked| decision.accept(marked, request.body())),
            Err(rejection) => Err(rejection.into_refusal()),
        };
        accepted.map(Principal::from)
    }
}

/// A request with a header for a credential.
pub(crate) fn request(target: &str, headers: &[(&str, &str)]) -> http::Request<Vec<u8>> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let mut request = http::Request::get(target).body(Vec::new()).unwrap();
    *request.headers_mut() = map;
    request
}

/// A request that shows the secret key.
pub(crate) fn bearer() -> http::Request<Vec<u8>> {
    request("/pictures", &[("authorization", &format!("Bearer {}", *secret_key().to_key_string()))])
}

/// A request that the secret key has signed.
pub(crate) fn signed(counter: u64) -> http::Request<Vec<u8>> {
    let key = secret_key();
    let covered = ProofRequest {
        method: "GET",
        authority: "api.example.com",
        target: RequestTarget::parse("/pictures").unwrap(),
        authorization: None,
        body: None,
    };
    let nonce = Nonce::new([5; 12], counter);
    let proof = UnsignedProof::new(&covered, ProofKey::Secret(key.id()), nonce, NOW, 60).unwrap();
    let signature = UnsignedProof::signature(&key.signing_key().sign(proof.base().as_bytes()));
    request("/pictures", &[("signature-input", &proof.signature_input()), ("signature", &signature)])
}

pub(crate) type Verdict = Result<(), (&'static str, bool)>;

/// The verdict, and of a refusal whether it is counted for the key.
pub(crate) fn verdict(judge: &Judge, request: &http::Request<Vec<u8>>) -> Verdict {
    judge.decide(request).map(drop).map_err(|(code, key)| (code, key.is_some()))
}
