//! The one place that knows JavaScript: what `js/` calls.
//!
//! What is thrown is a [`Refused`], or else the instance is broken.

#![allow(clippy::needless_pass_by_value, reason = "JavaScript lends what is there, but nothing that may be missing")]
#![allow(unreachable_pub, reason = "what JavaScript calls has to be public, wherever it stands")]

mod link;

use std::cell::RefCell;
use std::time::Duration;

use doorkey_core::{Error, ErrorCode, Scope, ScopeSet, Thumbprint, sha256};
use doorkey_verifier::{EXPOSED_HEADERS, MAX_JWKS_LEN, PREFLIGHT_MAX_AGE, Refusal, Unmarked};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::head::Head;
use crate::options::Options;
use crate::report::{At, Report, moment};
use crate::{checker, grant, options};

/// A refusal that nobody has looked at yet.
#[wasm_bindgen]
pub struct Refused(Refusal);

#[wasm_bindgen]
impl Refused {
    /// The refusal as JSON; `random` is 12 bytes for the request's id, `now` is `Date.now()`.
    #[wasm_bindgen(js_name = toJson)]
    pub fn to_json(&self, random: &[u8], now: f64) -> String {
        Report::new(&self.0, random, At::from_millis(now)).to_json()
    }
}

fn thrown<E: Into<Refusal>>(refusal: E) -> JsValue {
    Refused(refusal.into()).into()
}

/// A request of which everything but the body has been looked at.
#[wasm_bindgen]
pub struct Examination(checker::Examination);

#[wasm_bindgen]
impl Examination {
    /// The id of the issuer's key that is not known yet, if that is all that is known of the request.
    #[wasm_bindgen(getter, js_name = unknownKey)]
    pub fn unknown_key(&self) -> Option<String> {
        self.0.unknown_key().map(ToString::to_string)
    }

    /// Whether the directory is too old, and that is all that is known of the request.
    #[wasm_bindgen(getter, js_name = isStale)]
    pub fn is_stale(&self) -> bool {
        self.0.is_stale()
    }

    /// Whether the directory has no such key, or no such key of the issuer's, and that is all that is known of the request.
    #[wasm_bindgen(getter, js_name = unknownClient)]
    pub fn unknown_client(&self) -> bool {
        self.0.is_unknown_client()
    }
}

/// A request whose proof is used up, and of which only the body has not been looked at.
#[wasm_bindgen]
pub struct Entered(checker::Entered);

#[wasm_bindgen]
#[expect(clippy::cast_precision_loss, reason = "times of this age of the world fit")]
impl Entered {
    /// What a store that is shared has to remember of the proof.
    #[wasm_bindgen(getter)]
    pub fn proof(&self) -> Option<String> {
        self.0.proof()
    }

    /// Whether nothing covers the body, so that it need not be read here.
    #[wasm_bindgen(getter, js_name = coversNoBody)]
    pub fn covers_no_body(&self) -> bool {
        self.0.covers_no_body()
    }

    /// When the proof was made, in Unix seconds.
    #[wasm_bindgen(getter)]
    pub fn created(&self) -> f64 {
        self.0.created() as f64
    }

    /// Until when the proof would be taken here, in Unix seconds.
    #[wasm_bindgen(getter)]
    pub fn until(&self) -> f64 {
        self.0.until() as f64
    }
}

/// Throws unless the options of a verifier, JSON, make a policy, and the credential, if there is one, is its issuer's.
#[wasm_bindgen(js_name = checkOptions)]
pub fn check_options(options: &str, credential: Option<String>) -> Result<(), JsValue> {
    let check = || {
        let options = Options::parse(options)?;
        options.to_policy()?;
        credential.map_or(Ok(()), |text| options.credential(&text).map(drop))
    };
    check().map_err(thrown)
}

/// One verifier; `now` is `Date.now()` and `monotonic` is `performance.now()` throughout.
#[wasm_bindgen]
pub struct Checker(RefCell<checker::Checker>);

#[wasm_bindgen]
impl Checker {
    /// Reads the options, JSON; refuses proofs from before `since`, Unix seconds; `secret` is 16 random bytes. With a
    /// verifier's credential it follows the directory; `stream` is 12 random bytes then.
    #[wasm_bindgen(constructor)]
    pub fn new(
        options: &str,
        since: f64,
        secret: &[u8],
        credential: Option<String>,
        stream: Option<Box<[u8]>>,
    ) -> Result<Self, JsValue> {
        let since = At::from_millis(since * 1000.0).0.as_secs();
        let make = || {
            let options = Options::parse(options)?;
            let checker = checker::Checker::new(&options, since, secret)?;
            match credential {
                Some(text) => checker.with_credential(&options, &text, stream.as_deref().unwrap_or_default()),
                None => Ok(checker),
            }
        };
        Ok(Self(RefCell::new(make().map_err(thrown)?)))
    }

    /// Where the issuer publishes its keys.
    #[wasm_bindgen(getter, js_name = jwksUrl)]
    pub fn jwks_url(&self) -> String {
        self.0.borrow().jwks_url()
    }

    /// The most bytes of a body.
    #[wasm_bindgen(getter, js_name = bodyLimit)]
    pub fn body_limit(&self) -> usize {
        self.0.borrow().body_limit()
    }

    /// Whether the issuer's keys should be fetched anew in the background.
    #[wasm_bindgen(js_name = areKeysDue)]
    pub fn are_keys_due(&self, now: f64) -> bool {
        self.0.borrow().ring().is_due(At::from_millis(now).0)
    }

    /// Whether the issuer should be asked for a key.
    #[wasm_bindgen(js_name = shouldAsk)]
    pub fn should_ask(&self, kid: &str, now: f64) -> Result<bool, JsValue> {
        Ok(self.0.borrow().ring().should_ask(&thumbprint(kid)?, At::from_millis(now).0))
    }

    /// Throws unless a key is known.
    #[wasm_bindgen(js_name = lookFor)]
    pub fn look_for(&self, kid: &str) -> Result<(), JsValue> {
        self.0.borrow().ring().look_for(&thumbprint(kid)?).map(drop).map_err(thrown)
    }

    /// Takes note of an attempt to fetch the issuer's keys: the document, or nothing.
    #[wasm_bindgen(js_name = noteKeys)]
    pub fn note_keys(&self, document: Option<Box<[u8]>>, now: f64) {
        self.0.borrow_mut().note_keys(document.as_deref(), At::from_millis(now));
    }

    /// Checks everything but the body; `headers` has names and values in turn, each on one of its `lines` lines; `peer` is
    /// the address of who is at the other end of the connection, if that is known.
    #[expect(clippy::too_many_arguments, reason = "an object would cost more to hand over")]
    pub fn examine(
        &self,
        method: &str,
        target: &str,
        authority: Option<String>,
        headers: &str,
        lines: usize,
        peer: Option<String>,
        now: f64,
        monotonic: f64,
    ) -> Result<Examination, JsValue> {
        let head = Head::read(method, target, authority.as_deref(), headers, lines).map_err(thrown)?;
        let peer = peer.as_deref().map(options::peer).transpose().map_err(thrown)?;
        self.0.borrow().examine(&head, peer, &moment(now, monotonic)).map(Examination).map_err(thrown)
    }

    /// Charges the request to its key, and marks the proof as used; `has_body` says whether there is a body to be had. What
    /// was charged is kept from here on, unless [`refuse`](Self::refuse) is told that a store did not take the proof.
    pub fn enter(
        &self,
        examination: Examination,
        has_body: bool,
        now: f64,
        monotonic: f64,
    ) -> Result<Entered, JsValue> {
        self.0.borrow().enter(examination.0, has_body, &moment(now, monotonic)).map(Entered).map_err(thrown)
    }

    /// Refuses a request that was let in, because a store that is shared does not take its proof: it gets back what it was
    /// charged, and the refusal is counted for its key. `why` is a word of [`Unmarked`], `wait` the seconds of a pause.
    pub fn refuse(&self, entered: Entered, why: &str, wait: f64, now: f64) -> Refused {
        let unmarked = Unmarked::parse(why, Duration::try_from_secs_f64(wait).unwrap_or_default());
        Refused(self.0.borrow().refuse(entered.0, unmarked, &moment(now, 0.0)))
    }

    /// Accepts a request with a body of `length` bytes, which `body` is, or the SHA-256 of. The principal is JSON, and with
    /// it the `RateLimit` fields for the answer.
    pub fn accept(
        &self,
        entered: Entered,
        body: &[u8],
        is_digest: bool,
        length: f64,
        now: f64,
        monotonic: f64,
    ) -> Result<String, JsValue> {
        let digest = match body.try_into() {
            Ok(digest) if is_digest => digest,
            _ => sha256(body),
        };
        // The length of what is in memory is a whole number.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
        let length = length as u64;
        self.0.borrow().accept(entered.0, length, digest, &moment(now, monotonic)).map_err(thrown)
    }
}

fn thumbprint(kid: &str) -> Result<Thumbprint, JsValue> {
    kid.parse().map_err(|error: Error| thrown(error))
}

/// A refusal that JavaScript found; a code that is not in the table is one for a broken verifier.
#[wasm_bindgen]
pub fn refuse(code: &str, detail: &str) -> Refused {
    Refused(error(code, detail).into())
}

fn error(code: &str, detail: &str) -> Error {
    let code = ErrorCode::parse(code).unwrap_or(ErrorCode::VerifierUnavailable);
    Error::new(code, detail.to_owned())
}

/// Whether `scopes`, with a space between two, permit `scope`.
#[wasm_bindgen]
pub fn permits(scopes: &str, scope: &str) -> Result<bool, JsValue> {
    let scopes: ScopeSet = scopes.parse().map_err(thrown::<Error>)?;
    let scope: Scope = scope.parse().map_err(thrown::<Error>)?;
    Ok(scopes.permits(&scope))
}

/// Throws unless `scopes`, with a space between two, permit `scope`.
#[wasm_bindgen]
pub fn require(scopes: &str, scope: &str) -> Result<(), JsValue> {
    let scopes: ScopeSet = scopes.parse().map_err(thrown::<Error>)?;
    let scope: Scope = scope.parse().map_err(thrown::<Error>)?;
    scopes.require(&scope).map_err(thrown)
}

/// Signs a grant; `request` is JSON.
#[wasm_bindgen(js_name = signGrant)]
pub fn sign_grant(secret_key: &str, request: &str, random: &[u8], now: f64) -> Result<String, JsValue> {
    grant::sign_grant(secret_key, request, random, now).map_err(thrown)
}

/// The same target without what was its credential, if there was one in it.
#[wasm_bindgen(js_name = bareTarget)]
pub fn bare_target(target: &str) -> Option<String> {
    doorkey_verifier::bare_target(target)
}

/// The headers that pages may read, with a comma between two.
#[wasm_bindgen(js_name = exposedHeaders)]
pub fn exposed_headers() -> String {
    EXPOSED_HEADERS.each_ref().map(http::HeaderName::as_str).join(",")
}

/// How long a browser may keep the answer to a preflight, in seconds.
#[wasm_bindgen(js_name = preflightMaxAge)]
#[expect(clippy::cast_precision_loss, reason = "a few hours")]
pub fn preflight_max_age() -> f64 {
    PREFLIGHT_MAX_AGE.as_secs() as f64
}

/// The most bytes of the issuer's key set.
#[wasm_bindgen(js_name = maxJwksLength)]
pub fn max_jwks_length() -> usize {
    MAX_JWKS_LEN
}
