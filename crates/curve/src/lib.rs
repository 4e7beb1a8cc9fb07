#![doc = include_str!("../README.md")]
#![cfg(target_arch = "wasm32")]
// Without std a panic cannot bring `core::fmt` into the download.
#![no_std]

extern crate alloc;

use alloc::boxed::Box;

use doorkey_core::SigningKey;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use zeroize::Zeroizing;

/// Ends the instance. A handler that prints would bring the whole of `core::fmt` along.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// A key pair whose private half never leaves this memory.
#[wasm_bindgen]
pub struct Curve(SigningKey);

#[wasm_bindgen]
impl Curve {
    /// Makes a key pair. Throws a text where the browser yields no random bytes.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| JsValue::from_str("the browser yields no random bytes"))?;
        Ok(Self(SigningKey::from_seed(&seed)))
    }

    /// The raw public key, 32 bytes.
    #[wasm_bindgen(js_name = publicKey)]
    pub fn public_key(&self) -> Box<[u8]> {
        self.0.verifying_key().as_bytes().as_slice().into()
    }

    /// The signature of a text, 64 bytes.
    pub fn sign(&self, message: &str) -> Box<[u8]> {
        self.0.sign(message.as_bytes()).as_bytes().as_slice().into()
    }
}
