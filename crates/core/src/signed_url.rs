//! Signed URLs: a session's proof in the query, for whatever cannot set headers: images, event streams, downloads.
//!
//! ```text
//! /pictures/1?size=2&dk-token=…&dk-created=…&dk-expires=…&dk-nonce=…&dk-key=…&dk-sig=…
//! ```

#[cfg(feature = "verify")]
mod received;

#[cfg(feature = "verify")]
pub use received::SignedUrl;

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use crate::encoding::to_base64url;
use crate::error::{Error, ErrorCode};
use crate::key::{Signature, VerifyingKey};
use crate::proof::Nonce;
use crate::signature::SignatureInput;
use crate::target::RequestTarget;

/// The longest that a signed URL may be valid, in seconds.
pub const MAX_URL_WINDOW: u64 = 300;
/// The tag of a URL's signature, which keeps it from passing for that of a request's headers.
pub const URL_TAG: &str = "doorkey-url";

/// What the name of each parameter of ours begins with; a target's own parameters begin with something else.
const PREFIX: &str = "dk-";
/// The parameters that end the query, in this order, each behind its `name=`.
const PARAMETERS: [&str; 6] = ["dk-token=", "dk-created=", "dk-expires=", "dk-nonce=", "dk-key=", "dk-sig="];
/// A signature in base64url.
const SIGNATURE_TEXT_LEN: usize = 86;

fn has_own_parameters(target: &RequestTarget<'_>) -> bool {
    target.query().is_some_and(|query| query.split('&').any(|parameter| parameter.starts_with(PREFIX)))
}

/// Whether `token` is made of what tokens are made of, and so can end at no `&` and hide no second parameter.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What a URL's signature says besides the URL.
#[derive(Clone, Copy)]
struct Terms {
    created: u64,
    expires: u64,
    nonce: Nonce,
    key: [u8; VerifyingKey::LEN],
}

impl Terms {
    /// The base over a URL that has all parameters but the signature.
    fn base(&self, authority: &str, unsigned: &RequestTarget<'_>) -> Result<String, Error> {
        SignatureInput::new(["@method", "@authority", "@path", "@query"])
            .with_integer("created", self.created.cast_signed())
            .with_integer("expires", self.expires.cast_signed())
            .with_string("nonce", to_base64url(self.nonce.as_bytes()))
            .with_string("keyid", to_base64url(&self.key))
            .with_string("tag", URL_TAG)
            .to_base(|component| {
                Some(match component {
                    "@method" => Cow::Borrowed("GET"),
                    "@authority" => Cow::Borrowed(authority),
                    "@path" => Cow::Borrowed(unsigned.path()),
                    "@query" => unsigned.query_component(),
                    _ => return None,
                })
            })
    }
}

/// A URL that is ready to be signed: it will be good for one `GET`. `Debug` leaves out the token.
///
/// ```
/// use doorkey_core::{Nonce, RequestTarget, SignedUrl, SigningKey, UnsignedUrl};
///
/// let key = SigningKey::from_seed(&[7; 32]);
/// let target = RequestTarget::parse("/pictures/1?size=2")?;
/// let nonce = Nonce::new([1; 12], 0);
/// let unsigned =
///     UnsignedUrl::new("api.example.com", target, "aaa.bbb.ccc", *key.verifying_key().as_bytes(), nonce, 1_700_000_000, 300)?;
/// let signature = key.sign(unsigned.base().as_bytes());
/// let text = unsigned.into_target(&signature);
///
/// let url = SignedUrl::parse(RequestTarget::parse(&text)?)?.expect("a signed URL");
/// assert_eq!((url.token(), url.bare_target().as_str()), ("aaa.bbb.ccc", "/pictures/1?size=2"));
/// url.check_window(1_700_000_100, 30)?;
/// url.verify(&key.verifying_key(), "api.example.com")?;
/// # Ok::<(), doorkey_core::Error>(())
/// ```
pub struct UnsignedUrl {
    target: String,
    base: String,
}

impl UnsignedUrl {
    /// States what will be signed: a `GET` of `target` at `authority` (`host[:port]`), by the session of `token`.
    ///
    /// `created` is in Unix seconds, `lifetime` in seconds, at most [`MAX_URL_WINDOW`]. Fails with
    /// [`ErrorCode::InvalidInput`] for a target with parameters that begin with `dk-`, for a lifetime or a token that
    /// no verifier takes, and for what would be longer than [`RequestTarget::MAX_LEN`].
    pub fn new(
        authority: &str,
        target: RequestTarget<'_>,
        token: &str,
        key: [u8; VerifyingKey::LEN],
        nonce: Nonce,
        created: u64,
        lifetime: u64,
    ) -> Result<Self, Error> {
        let invalid = |detail| Err(Error::new(ErrorCode::InvalidInput, detail));
        if has_own_parameters(&target) {
            return invalid("the target has parameters that begin with dk-");
        }
        if !is_token(token) {
            return invalid("the token is not three parts of base64url");
        }
        if lifetime == 0 || lifetime > MAX_URL_WINDOW {
            return invalid("a signed url is valid for 1 to 300 seconds");
        }
        let terms = Terms { created, expires: created.saturating_add(lifetime), nonce, key };
        let values = [
            Cow::Borrowed(token),
            Cow::Owned(terms.created.to_string()),
            Cow::Owned(terms.expires.to_string()),
            Cow::Owned(to_base64url(nonce.as_bytes())),
            Cow::Owned(to_base64url(&key)),
        ];
        let mut signed = String::from(target.path());
        signed.push('?');
        if let Some(query) = target.query().filter(|query| !query.is_empty()) {
            signed.push_str(query);
            signed.push('&');
        }
        for (i, (name, value)) in PARAMETERS.iter().zip(&values).enumerate() {
            if i > 0 {
                signed.push('&');
            }
            signed.push_str(name);
            signed.push_str(value);
        }
        if signed.len() + "&".len() + PARAMETERS[5].len() + SIGNATURE_TEXT_LEN > RequestTarget::MAX_LEN {
            return invalid("the signed url has more than 8192 bytes");
        }
        let base = terms.base(authority, &RequestTarget::parse(&signed)?)?;
        Ok(Self { target: signed, base })
    }

    /// The bytes to sign.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The path and query to call: the target with all parameters behind it.
    pub fn into_target(mut self, signature: &Signature) -> String {
        self.target.push('&');
        self.target.push_str(PARAMETERS[5]);
        self.target.push_str(&to_base64url(signature.as_bytes()));
        self.target
    }
}

impl core::fmt::Debug for UnsignedUrl {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UnsignedUrl")
    }
}
