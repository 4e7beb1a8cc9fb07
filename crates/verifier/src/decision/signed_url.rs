//! A URL that a session has signed.

use doorkey_core::{Error, ErrorCode, SignedUrl};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::{Decision, Examined, Rejection};
use crate::replay::ReplayKey;
use crate::request::RequestHead;
use crate::signed::{BodyRule, UsedProof};

impl Decision<'_> {
    pub(super) fn signed_url(&self, request: &RequestHead<'_>, url: &SignedUrl<'_>) -> Result<Examined, Rejection> {
        if request.method != "GET" {
            return Err(Error::new(ErrorCode::SignatureInvalid, "a signed URL is for GET alone").into());
        }
        let headers = request.headers;
        let has_body = headers.contains_key(TRANSFER_ENCODING)
            || headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0");
        if has_body {
            let detail = "a signed URL goes without a body";
            return Err(Error::new(ErrorCode::ComponentsIncomplete, detail).into());
        }
        let token = self.token(url.token(), Some(url.key_bytes()), request)?;
        let examine = || {
            let path = url.bare_target().path();
            let accepted = self.session_caller(request, token.clone(), path, BodyRule::Empty)?;
            let (now, skew) = (self.now.seconds(), self.policy.skew());
            url.check_window(now, skew)?;
            let used = UsedProof {
                key: ReplayKey { jkt: token.claims.cnf.jkt, nonce: url.nonce() },
                created: url.created(),
                until: url.expires().saturating_add(skew),
                is_reusable: self.has_reusable_urls(accepted.scopes()),
            };
            used.check_new(self.replay)?;
            url.verify(&token.key, self.policy.origin_for(request.authority).authority())?;
            Ok(Examined { accepted, proof: Some(used), body: BodyRule::Empty })
        };
        examine().map_err(|rejection: Rejection| rejection.about(token.claims.client_id))
    }
}
