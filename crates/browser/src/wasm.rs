//! The one place that knows JavaScript: what `js/` calls, and what is called back.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use core::cell::RefCell;

use doorkey_core::{ContentHasher, Error, ErrorCode, Signature, UnsignedProof, sha256};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::client::{Client, OutgoingRequest, SignableUrl};
use crate::instant::Instant;
use crate::retry::{Ending, is_repeatable};
use crate::session::MintResponse;

/// Ends the instance. A handler that prints would bring the whole of `core::fmt` along.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[wasm_bindgen(raw_module = "../../js/rest/error.ts")]
extern "C" {
    type DoorkeyError;
    #[wasm_bindgen(constructor)]
    fn new(code: &str, detail: &str, status: u16, hint: &str) -> DoorkeyError;
}

#[wasm_bindgen]
extern "C" {
    /// The `Headers` of the Fetch standard.
    #[wasm_bindgen(typescript_type = "Headers")]
    pub type Headers;
    #[wasm_bindgen(method)]
    fn get(this: &Headers, name: &str) -> Option<String>;
    #[wasm_bindgen(method)]
    fn set(this: &Headers, name: &str, value: &str);
    #[wasm_bindgen(method)]
    fn delete(this: &Headers, name: &str);
}

/// A row of the table of codes, taken out at compile time.
struct Row(ErrorCode, &'static str, u16, &'static str);

const fn row(code: ErrorCode) -> Row {
    Row(code, code.as_str(), code.status(), code.hint())
}

/// The codes that can come up in here; the whole table would be a tenth of the download.
const RAISED: [Row; 2] = [row(ErrorCode::InvalidInput), row(ErrorCode::MalformedRequest)];

fn exception(error: &Error) -> JsValue {
    let Row(_, code, status, hint) = RAISED.iter().find(|row| row.0 == error.code()).unwrap_or(&RAISED[0]);
    // As `Display` has it, which would bring `core::fmt` along.
    let detail = match error.offset() {
        Some(offset) => [error.detail(), " (at byte ", &offset.to_string(), ")"].concat(),
        None => error.detail().into(),
    };
    DoorkeyError::new(code, &detail, *status, hint).into()
}

fn invalid(detail: &'static str) -> JsValue {
    exception(&Error::new(ErrorCode::InvalidInput, detail))
}

/// A signature that was made elsewhere.
fn signature(made: &[u8]) -> Result<Signature, JsValue> {
    made.try_into().map(Signature::from_bytes).map_err(|_| invalid("there is no signature of 64 bytes"))
}

/// The state of one client; clocks are `Date.now()` and `performance.now()`.
#[wasm_bindgen]
pub struct Core(RefCell<Client>);

#[wasm_bindgen]
impl Core {
    /// Begins without a session, for the key pair with this raw public key.
    #[wasm_bindgen(constructor)]
    pub fn new(public_key: &[u8]) -> Result<Self, JsValue> {
        let key = public_key.try_into().map_err(|_| invalid("a public key has 32 bytes"))?;
        let mut stream = [0; 12];
        getrandom::fill(&mut stream).map_err(|_| invalid("the browser yields no random bytes"))?;
        Ok(Self(RefCell::new(Client::new(key, stream))))
    }

    /// Begins a session; `audience` has a space between two origins, times are the issuer's, in seconds.
    #[wasm_bindgen(js_name = beginSession)]
    pub fn begin_session(
        &self,
        token: &str,
        audience: &str,
        expires_at: f64,
        server_time: f64,
        wall: f64,
        monotonic: f64,
    ) {
        let response = MintResponse { token, audience, expires_at, server_time };
        self.0.borrow_mut().begin_session(&response, Instant { wall, monotonic });
    }

    /// Whether there is a session that calls go on with.
    #[wasm_bindgen(js_name = isUsable)]
    pub fn is_usable(&self, wall: f64, monotonic: f64) -> bool {
        self.0.borrow().is_usable(Instant { wall, monotonic })
    }

    /// Whether it is time for another session.
    #[wasm_bindgen(js_name = isRenewalDue)]
    pub fn is_renewal_due(&self, wall: f64, monotonic: f64) -> bool {
        self.0.borrow().is_renewal_due(Instant { wall, monotonic })
    }

    /// Takes note of a mint that failed; `retry_after` in seconds.
    #[wasm_bindgen(js_name = failMint)]
    pub fn fail_mint(&self, retry_after: Option<f64>, wall: f64, monotonic: f64) {
        self.0.borrow_mut().fail_mint(retry_after, Instant { wall, monotonic });
    }

    /// Takes note of a network that is back.
    #[wasm_bindgen(js_name = goOnline)]
    pub fn go_online(&self) {
        self.0.borrow_mut().go_online();
    }

    /// Whether another mint may be tried.
    #[wasm_bindgen(js_name = mayMint)]
    pub fn may_mint(&self, wall: f64, monotonic: f64) -> bool {
        self.0.borrow().may_mint(Instant { wall, monotonic })
    }

    /// Whether the session outlives a URL that is signed now for `seconds`.
    pub fn outlives(&self, seconds: f64, wall: f64, monotonic: f64) -> bool {
        self.0.borrow().outlives(seconds, Instant { wall, monotonic })
    }

    /// Takes note of a 401 with this code for a request that had this `Authorization`; whether another try may do better.
    pub fn refuse(&self, authorization: &str, code: &str, monotonic: f64) -> bool {
        self.0.borrow_mut().refuse(authorization, code, monotonic)
    }

    /// Whether requests for `url` get credentials.
    pub fn covers(&self, url: &str) -> bool {
        self.0.borrow().covers(url)
    }

    /// Sets or deletes every header but `Signature`, and yields what that signature covers; `body` may be its SHA-256 instead.
    pub fn prepare(
        &self,
        method: &str,
        url: &str,
        headers: &Headers,
        body: &[u8],
        is_digest: bool,
        monotonic: f64,
    ) -> Result<String, JsValue> {
        let content_type = headers.get("content-type");
        let request =
            OutgoingRequest { method, url, content_type: content_type.as_deref(), digest: digest(body, is_digest) };
        let mut client = self.0.borrow_mut();
        let signable = client.prepare(&request, monotonic).map_err(|error| exception(&error))?;
        headers.set("authorization", signable.authorization);
        if let Some((content_type, content_digest)) = &signable.body {
            headers.set("content-type", content_type);
            headers.set("content-digest", content_digest);
        } else {
            // A caller's own would speak of a body that there is not.
            headers.delete("content-digest");
        }
        headers.set("signature-input", &signable.proof.signature_input());
        Ok(signable.proof.base().into())
    }

    /// Sets the header that `prepare` left out.
    pub fn attach(headers: &Headers, made: &[u8]) -> Result<(), JsValue> {
        headers.set("signature", &UnsignedProof::signature(&signature(made)?));
        Ok(())
    }

    /// States what is signed for a URL.
    #[wasm_bindgen(js_name = prepareUrl)]
    pub fn prepare_url(&self, url: &str, lifetime: f64, monotonic: f64) -> Result<UrlToSign, JsValue> {
        let signable = self.0.borrow_mut().prepare_url(url, lifetime, monotonic);
        signable.map(UrlToSign).map_err(|error| exception(&error))
    }
}

#[wasm_bindgen]
impl Core {
    /// Whether a request may be sent twice.
    #[wasm_bindgen(js_name = isRepeatable)]
    pub fn is_repeatable(method: &str, headers: &Headers) -> bool {
        is_repeatable(method, headers.get("idempotency-key").is_some())
    }

    /// After how many milliseconds a request that ended like this may do better; nothing for never.
    #[wasm_bindgen(js_name = retryIn)]
    #[expect(clippy::needless_pass_by_value, reason = "what JavaScript may leave out comes owned")]
    pub fn retry_in(status: u16, retry_after: Option<String>) -> Option<f64> {
        Ending { status, retry_after: retry_after.as_deref() }.retry_in()
    }
}

/// A URL that lacks its signature.
#[wasm_bindgen]
pub struct UrlToSign(SignableUrl);

#[wasm_bindgen]
impl UrlToSign {
    /// What is signed.
    pub fn base(&self) -> String {
        self.0.base().into()
    }

    /// The whole URL.
    pub fn finish(self, made: &[u8]) -> Result<String, JsValue> {
        Ok(self.0.into_url(&signature(made)?))
    }
}

/// SHA-256, piece by piece.
#[wasm_bindgen]
pub struct Hasher(ContentHasher);

#[wasm_bindgen]
impl Hasher {
    /// Begins with nothing.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self(ContentHasher::new())
    }

    /// Adds the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces, 32 bytes.
    pub fn finish(self) -> Box<[u8]> {
        self.0.finish().as_bytes().as_slice().into()
    }
}

/// SHA-256 of `body`, or `body` itself if it is one; nothing for a body without bytes.
fn digest(body: &[u8], is_digest: bool) -> Option<[u8; 32]> {
    match body {
        [] => None,
        digest if is_digest => digest.try_into().ok(),
        body => Some(sha256(body)),
    }
}
