//! The one place that knows JavaScript: what `js/` calls, and what is called back.

use alloc::string::{String, ToString as _};
use core::cell::RefCell;

use doorkey_core::{Error, ErrorCode, Signature, SigningKey, UnsignedProof, VerifyingKey, assemble_mint, sha256};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use zeroize::Zeroizing;

use crate::client::{Client, OutgoingRequest};
use crate::instant::Instant;
use crate::key_pair::KeyPair;
use crate::session::MintResponse;

/// Ends the instance. A handler that prints would bring the whole of `core::fmt` along.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[wasm_bindgen(raw_module = "../js/error.ts")]
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
}

/// A row of the table of codes, taken out at compile time.
struct Row(ErrorCode, &'static str, u16, &'static str);

const fn row(code: ErrorCode) -> Row {
    Row(code, code.as_str(), code.status(), code.hint())
}

/// The codes that can come up in here; the whole table would be a tenth of the download.
const RAISED: [Row; 5] = [
    row(ErrorCode::InvalidInput),
    row(ErrorCode::MalformedKey),
    row(ErrorCode::MalformedRequest),
    row(ErrorCode::WrongKeyKind),
    row(ErrorCode::TokenInvalid),
];

fn exception(error: &Error) -> JsValue {
    let Row(_, code, status, hint) = RAISED.iter().find(|row| row.0 == error.code()).unwrap_or(&RAISED[0]);
    // As `Display` has it, which would bring `core::fmt` along.
    let detail = match error.offset() {
        Some(offset) => [error.detail(), " (at byte ", &offset.to_string(), ")"].concat(),
        None => error.detail().into(),
    };
    DoorkeyError::new(code, &detail, *status, hint).into()
}

fn random<const N: usize>() -> Result<[u8; N], JsValue> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|_| exception(&Error::new(ErrorCode::InvalidInput, "the browser yields no random bytes")))?;
    Ok(bytes)
}

/// The state of one client; clocks are `Date.now()` and `performance.now()`.
#[wasm_bindgen]
pub struct Core(RefCell<Client>);

#[wasm_bindgen]
impl Core {
    /// Reads the key string.
    #[wasm_bindgen(constructor)]
    pub fn new(publishable_key: &str) -> Result<Self, JsValue> {
        let client = Client::new(publishable_key, random()?).map_err(|error| exception(&error))?;
        Ok(Self(RefCell::new(client)))
    }

    /// Where sessions are minted.
    #[wasm_bindgen(js_name = mintUrl)]
    pub fn mint_url(&self) -> String {
        self.0.borrow().mint_url().into()
    }

    /// Makes a key pair that never leaves this memory.
    #[wasm_bindgen(js_name = makeKey)]
    pub fn make_key(&self) -> Result<(), JsValue> {
        let seed = Zeroizing::new(random()?);
        self.0.borrow_mut().set_key(KeyPair::Own(SigningKey::from_seed(&seed)));
        Ok(())
    }

    /// Takes the raw public key of a pair that signs elsewhere.
    #[wasm_bindgen(js_name = usePublicKey)]
    pub fn use_public_key(&self, public_key: &[u8]) -> Result<(), JsValue> {
        let invalid = |_| Error::new(ErrorCode::InvalidInput, "a public key has 32 bytes");
        let key = public_key.try_into().map_err(invalid).and_then(VerifyingKey::from_bytes);
        self.0.borrow_mut().set_key(KeyPair::Foreign(key.map_err(|error| exception(&error))?));
        Ok(())
    }

    /// What is signed to mint a session.
    #[wasm_bindgen(js_name = mintSigningInput)]
    pub fn mint_signing_input(&self, wall: f64, monotonic: f64) -> Result<String, JsValue> {
        let input = self.0.borrow().mint_signing_input(Instant { wall, monotonic }, random()?);
        input.map_err(|error| exception(&error))
    }

    /// The body of the mint request; the key of `makeKey` makes its own signature.
    #[wasm_bindgen(js_name = mintBody)]
    pub fn mint_body(&self, signing_input: String, signature: &[u8]) -> Result<String, JsValue> {
        let signature = self.sign(&signing_input, signature)?;
        Ok(assemble_mint(signing_input, &signature))
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

    /// Takes note of a 401 with this code for a request that had this `Authorization`.
    pub fn refuse(&self, authorization: &str, code: &str) {
        self.0.borrow_mut().refuse(authorization, code);
    }

    /// Whether requests for `url` get credentials.
    pub fn covers(&self, url: &str) -> bool {
        self.0.borrow().covers(url)
    }

    /// Sets every header but `Signature`, and yields what that signature covers; `body` may be its SHA-256 instead.
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
        }
        headers.set("signature-input", &signable.proof.signature_input());
        Ok(signable.proof.base().into())
    }

    /// Sets the header that `prepare` left out; the key of `makeKey` makes its own signature.
    pub fn attach(&self, headers: &Headers, base: &str, signature: &[u8]) -> Result<(), JsValue> {
        headers.set("signature", &UnsignedProof::signature(&self.sign(base, signature)?));
        Ok(())
    }

    fn sign(&self, message: &str, made: &[u8]) -> Result<Signature, JsValue> {
        self.0.borrow().sign(message, made).map_err(|error| exception(&error))
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
