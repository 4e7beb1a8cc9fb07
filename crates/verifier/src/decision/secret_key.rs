//! A secret key: shown as it is, or signing.

use std::sync::Arc;

use doorkey_core::{Error, ErrorCode, KeyKind, Proof, ProofKey, RequestTarget, SecretKey, VerifyingKey};
use http::HeaderName;
use http::header::ORIGIN;
use subtle::ConstantTimeEq;

use super::{Decision, Examined, Rejection, key_unknown};
use crate::credential::refuse_proof;
use crate::request::RequestHead;
use crate::signed::{BodyRule, SignatureFields, SignedRequest};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Decision<'_> {
    pub(super) fn secret_key(
        &self,
        request: &RequestHead<'_>,
        text: &str,
        signatures: &SignatureFields<'_>,
    ) -> Result<Examined, Rejection> {
        let from_page = request.headers.contains_key(ORIGIN);
        let Some((directory, cache)) = self.directory else {
            if from_page {
                return Err(in_browser().into());
            }
            SecretKey::parse(text)?;
            return Err(not_taken().into());
        };
        let (derived, hash) = match cache.derive(text) {
            Ok(derived) => derived,
            Err(_) if from_page => return Err(in_browser().into()),
            Err(error) => return Err(error.into()),
        };
        let known = directory.find(derived.id, &self.now)?;
        let is_known = known.as_ref().is_some_and(|known| {
            let public_key = known.public_key.as_ref().map_or(&[][..], |key| &key[..]);
            let is_spelled_so = known.policy.brand.as_ref().is_none_or(|brand| *brand == derived.brand);
            let is_its = bool::from(public_key.ct_eq(&derived.public_key));
            is_its && is_spelled_so && known.environment == derived.environment && known.kind == KeyKind::Secret
        });
        let known = match known {
            Some(known) if is_known => known,
            _ if from_page => return Err(in_browser().into()),
            Some(_) => return Err(key_unknown().into()),
            None => return Err(Rejection::KeyUnknown(derived.id)),
        };
        cache.remember(hash, Arc::clone(&derived));
        let id = known.id;
        let examine = || {
            if from_page {
                return Err(in_browser().into());
            }
            refuse_proof(signatures)?;
            self.check_transport(request)?;
            let accepted = self.key_rules(known, self.client(request))?;
            Ok(Examined { accepted, proof: None, body: BodyRule::Free })
        };
        examine().map_err(|rejection: Rejection| rejection.about(id))
    }

    pub(super) fn signed_by_key(
        &self,
        request: &RequestHead<'_>,
        target: RequestTarget<'_>,
        proof: &Proof<'_>,
    ) -> Result<Examined, Rejection> {
        let ProofKey::Secret(id) = proof.key() else { return Err(key_unknown().into()) };
        let Some((directory, _)) = self.directory else { return Err(not_taken().into()) };
        let signed = SignedRequest::read(request.method, target, request.headers)?;
        let known = directory.find(id, &self.now)?.ok_or(Rejection::KeyUnknown(id))?;
        // A publishable key has no public key, and so nothing that it could have signed.
        let public_key = VerifyingKey::from_bytes(&known.public_key.ok_or_else(key_unknown)?)?;
        let used = signed.verify(proof, &public_key, None, &self.terms(request))?;
        // Refused, but no leak: no signature covers the header, so anybody on the way may have added it.
        if request.headers.contains_key(ORIGIN) {
            return Err(in_browser().into());
        }
        // From here on it is known that the caller holds the key.
        let examine = || {
            self.check_transport(request)?;
            let accepted = self.key_rules(known, self.client(request))?;
            Ok(Examined { accepted, proof: Some(used), body: signed.body() })
        };
        examine().map_err(|rejection: Rejection| rejection.about(id))
    }

    /// Refuses what went over the wire in the clear, off this machine: as far as the configured origin says, and the
    /// proxies that are believed.
    fn check_transport(&self, request: &RequestHead<'_>) -> Result<(), Error> {
        let origin = self.policy.origin_for(request.authority);
        let insecure = |detail| Err(Error::new(ErrorCode::InsecureTransport, detail));
        if !origin.is_secure() && !origin.is_loopback() {
            return insecure("this API's public origin is not https");
        }
        let is_believed = request.peer.is_some_and(|peer| self.policy.trusted_proxies().contains(peer));
        let lines = request.headers.get_all(X_FORWARDED_PROTO);
        let is_plain = |line: &http::HeaderValue| {
            let mut hops = line.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii);
            hops.any(|hop| hop.eq_ignore_ascii_case(b"http") || hop.eq_ignore_ascii_case(b"ws"))
        };
        if is_believed && origin.is_secure() && lines.iter().any(is_plain) {
            return insecure("the key came over plain http");
        }
        Ok(())
    }
}

fn in_browser() -> Error {
    Error::new(ErrorCode::SecretKeyInBrowser, "a request with an Origin header carries a secret key")
}

fn not_taken() -> Error {
    Error::new(
        ErrorCode::WrongKeyKind,
        "a secret key was sent, and this API takes session tokens alone: its verifier has no credential of the issuer's, and so no list of secret keys",
    )
}
