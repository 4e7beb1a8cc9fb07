//! A signed URL as the verifier reads it.

use core::fmt;

use super::{MAX_URL_WINDOW, PARAMETERS, Terms, has_own_parameters, is_token};
use crate::encoding::parse_base64url_array;
use crate::error::{Error, ErrorCode};
use crate::jwk::Thumbprint;
use crate::key::{Signature, VerifyingKey};
use crate::proof::{Nonce, Window};
use crate::target::RequestTarget;

/// A signed URL whose form is right; whether its signature is, [`verify`](Self::verify) says. `Debug` leaves out the
/// token.
#[derive(Clone, Copy)]
pub struct SignedUrl<'a> {
    token: &'a str,
    terms: Terms,
    signature: Signature,
    /// All but the signature's parameter: what the signature covers.
    covered: RequestTarget<'a>,
    bare: RequestTarget<'a>,
}

fn malformed(detail: &'static str) -> Error {
    Error::new(ErrorCode::MalformedSignature, detail)
}

impl<'a> SignedUrl<'a> {
    /// Reads the credential in a target's query; `None` if no parameter's name begins with `dk-`.
    ///
    /// Fails with [`ErrorCode::MalformedSignature`] unless the query ends in exactly the parameters of a signed URL, in
    /// their order, each with a canonical value, and has no other whose name begins with `dk-`.
    pub fn parse(target: RequestTarget<'a>) -> Result<Option<Self>, Error> {
        if !has_own_parameters(&target) {
            return Ok(None);
        }
        let order = || malformed("the query does not end in the parameters of a signed url, in their order");
        // From the last to the first; what is left of the query is the target's own.
        let mut rest = target;
        let mut covered = target;
        let mut values = [""; PARAMETERS.len()];
        for (i, name) in PARAMETERS.iter().enumerate().rev() {
            let query = rest.query().ok_or_else(order)?;
            let parameter = query.rsplit('&').next().unwrap_or_default();
            values[i] = parameter.strip_prefix(name).ok_or_else(order)?;
            // The parameter, and the `&` or `?` before it.
            rest = rest.without_last(parameter.len() + 1);
            if i == PARAMETERS.len() - 1 {
                covered = rest;
            }
        }
        if has_own_parameters(&rest) {
            return Err(malformed("the query has other parameters that begin with dk-"));
        }
        let [token, created, expires, nonce, key, signature] = values;
        if !is_token(token) {
            return Err(malformed("dk-token is not made of base64url and dots"));
        }
        let seconds = |text| parse_seconds(text).ok_or_else(|| malformed("dk-created and dk-expires are Unix seconds"));
        let terms = Terms {
            created: seconds(created)?,
            expires: seconds(expires)?,
            nonce: Nonce::parse(nonce).ok_or_else(|| malformed("dk-nonce is 24 characters of base64url"))?,
            key: parse_base64url_array(key).ok_or_else(|| malformed("dk-key is 43 characters of base64url"))?,
        };
        let signature =
            parse_base64url_array(signature).ok_or_else(|| malformed("dk-sig is 86 characters of base64url"))?;
        // A question mark with nothing behind it is a second spelling of none.
        let bare = if rest.query() == Some("") { rest.without_last(1) } else { rest };
        Ok(Some(Self { token, terms, signature: Signature::from_bytes(signature), covered, bare }))
    }

    /// The session token, of which nothing is known to be true.
    pub fn token(&self) -> &'a str {
        self.token
    }

    /// When the URL says it was signed, in Unix seconds.
    pub fn created(&self) -> u64 {
        self.terms.created
    }

    /// From when on the URL is refused, in Unix seconds, before skew.
    pub fn expires(&self) -> u64 {
        self.terms.expires
    }

    /// What replay protection compares, together with the key.
    pub fn nonce(&self) -> Nonce {
        self.terms.nonce
    }

    /// The session's public key, not yet known to be one.
    pub fn key_bytes(&self) -> &[u8; VerifyingKey::LEN] {
        &self.terms.key
    }

    /// The thumbprint of the session's key; it must equal the token's `jkt`.
    pub fn jkt(&self) -> Thumbprint {
        Thumbprint::of_bytes(&self.terms.key)
    }

    /// Path and query without the credential, for the handler.
    pub fn bare_target(&self) -> RequestTarget<'a> {
        self.bare
    }

    /// Checks the URL's times against the clock, both in Unix seconds, `skew` seconds either way.
    ///
    /// Fails with [`ErrorCode::WindowInvalid`].
    pub fn check_window(&self, now: u64, skew: u64) -> Result<(), Error> {
        let Terms { created, expires, .. } = self.terms;
        Window { created, expires }.check(now, skew, MAX_URL_WINDOW)
    }

    /// Verifies the signature over a `GET` of this URL at `authority`; the caller refuses every other method.
    ///
    /// Fails with [`ErrorCode::SignatureInvalid`].
    pub fn verify(&self, key: &VerifyingKey, authority: &str) -> Result<(), Error> {
        key.verify(self.terms.base(authority, &self.covered)?.as_bytes(), &self.signature)
    }
}

impl fmt::Debug for SignedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedUrl")
            .field("target", &self.bare.as_str())
            .field("created", &self.terms.created)
            .field("expires", &self.terms.expires)
            .finish_non_exhaustive()
    }
}

/// Canonical decimal digits, as many as an integer of a structured field may have (RFC 9651, section 3.3.1).
fn parse_seconds(text: &str) -> Option<u64> {
    let is_canonical = text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_canonical)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::{SignedUrl, parse_seconds};
    use crate::error::ErrorCode;
    use crate::key::SigningKey;
    use crate::proof::Nonce;
    use crate::signed_url::{MAX_URL_WINDOW, UnsignedUrl};
    use crate::target::RequestTarget;

    const NOW: u64 = 1_700_000_000;

    fn sign(target: &str, token: &str, lifetime: u64) -> Result<String, ErrorCode> {
        let key = SigningKey::from_seed(&[7; 32]);
        let target = RequestTarget::parse(target).unwrap();
        let (public, nonce) = (key.verifying_key(), Nonce::new([1; 12], 7));
        UnsignedUrl::new("api.example.com", target, token, *public.as_bytes(), nonce, NOW, lifetime)
            .map(|unsigned| {
                let signature = key.sign(unsigned.base().as_bytes());
                unsigned.into_target(&signature)
            })
            .map_err(|error| error.code())
    }

    fn read(text: &str) -> Result<Option<SignedUrl<'_>>, ErrorCode> {
        SignedUrl::parse(RequestTarget::parse(text).unwrap()).map_err(|error| error.code())
    }

    #[test]
    fn a_signed_url_leads_back_to_its_target() {
        let key = SigningKey::from_seed(&[7; 32]).verifying_key();
        for (target, bare) in [
            ("/", "/"),
            ("/p?", "/p"),
            ("/p?a=b", "/p?a=b"),
            ("/p?a=b&", "/p?a=b&"),
            ("/p?a=?&dk=1&x-dk-sig=1", "/p?a=?&dk=1&x-dk-sig=1"),
        ] {
            let text = sign(target, "a.b.c", 300).unwrap();
            let url = read(&text).unwrap().unwrap();
            assert_eq!((url.bare_target().as_str(), url.token()), (bare, "a.b.c"));
            assert_eq!((url.created(), url.expires(), url.nonce()), (NOW, NOW + 300, Nonce::new([1; 12], 7)));
            assert_eq!(url.key_bytes(), key.as_bytes());
            url.verify(&key, "api.example.com").unwrap();
            let error = url.verify(&key, "evil.example").unwrap_err();
            assert_eq!(error.code(), ErrorCode::SignatureInvalid);
            assert!(!alloc::format!("{url:?}").contains("a.b.c"));
            // Another query before the parameters is another request.
            let moved = text.replacen("dk-token", "x=1&dk-token", 1);
            let moved = read(&moved).unwrap().unwrap();
            assert_eq!(moved.verify(&key, "api.example.com").unwrap_err().code(), ErrorCode::SignatureInvalid);
        }
        assert_eq!(read("/p?&dk-token=a").unwrap_err(), ErrorCode::MalformedSignature);
        let ampersand = sign("/p", "a.b.c", 300).unwrap().replacen('?', "?&", 1);
        assert_eq!(read(&ampersand).unwrap().unwrap().bare_target().as_str(), "/p");
    }

    #[test]
    fn what_nobody_takes_is_not_signed() {
        for (target, token, lifetime) in [
            ("/p?dk-token=x", "a.b.c", 300),
            ("/p?a&dk-", "a.b.c", 300),
            ("/p", "", 300),
            ("/p", "a.b.c&x", 300),
            ("/p", "a.b.c", 0),
            ("/p", "a.b.c", MAX_URL_WINDOW + 1),
        ] {
            assert_eq!(sign(target, token, lifetime), Err(ErrorCode::InvalidInput), "{target} {token} {lifetime}");
        }
        let fits = |length: usize| sign(&("/".repeat(length)), &"a".repeat(4096), 300);
        let longest = (3000..5000).take_while(|&length| fits(length).is_ok()).last().unwrap();
        assert_eq!(fits(longest).unwrap().len(), RequestTarget::MAX_LEN);
        assert_eq!(fits(longest + 1), Err(ErrorCode::InvalidInput));
    }

    #[test]
    fn the_window_is_that_of_urls() {
        let text = sign("/p", "a.b.c", 300).unwrap();
        let url = read(&text).unwrap().unwrap();
        for (now, accepted) in
            [(NOW - 31, false), (NOW - 30, true), (NOW + 329, true), (NOW + 330, false), (u64::MAX, false)]
        {
            assert_eq!(url.check_window(now, 30).is_ok(), accepted, "{now}");
        }
        for expires in [NOW, NOW + 301, NOW - 1] {
            let bent = text.replace(&alloc::format!("{}", NOW + 300), &alloc::format!("{expires}"));
            let error = read(&bent).unwrap().unwrap().check_window(NOW, 30).unwrap_err();
            assert_eq!(error.code(), ErrorCode::WindowInvalid);
        }
    }

    #[test]
    fn seconds_have_one_spelling() {
        assert_eq!(parse_seconds("999999999999999"), Some(999_999_999_999_999));
        for refused in ["", "0", "01", "+1", "-1", "1.0", "1e3", " 1", "1000000000000000", "\u{661}"] {
            assert_eq!(parse_seconds(refused), None, "{refused}");
        }
    }
}
