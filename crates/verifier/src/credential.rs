//! Which credential a request carries: exactly one, or a refusal that says what to use instead.

use doorkey_core::{AUTHORIZATION_SCHEME, Error, ErrorCode, KeyKind, PublishableKey, SecretKey};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, ORIGIN};

/// The header of the other proof of possession (RFC 9449); not taken yet, and never beside a signature.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A session token and the whole value of the header that it came in, which the proof covers.
#[derive(Clone, Copy)]
pub(crate) struct SessionCredential<'a> {
    pub(crate) authorization: &'a str,
    pub(crate) token: &'a str,
}

fn refuse<T>(code: ErrorCode, detail: &'static str) -> Result<T, Error> {
    Err(Error::new(code, detail))
}

/// The value of a header that may stand once at most, as text.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return refuse(ErrorCode::MalformedRequest, "a header that is covered or compared stands more than once");
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => refuse(ErrorCode::MalformedRequest, "a header that is covered or compared is not visible ASCII"),
    }
}

impl<'a> SessionCredential<'a> {
    /// Finds the session token among a request's headers.
    pub(crate) fn find(headers: &'a HeaderMap) -> Result<Self, Error> {
        if headers.get_all(AUTHORIZATION).iter().count() > 1 {
            return refuse(ErrorCode::MultipleCredentials, "more than one Authorization header");
        }
        let Some(authorization) = single(headers, &AUTHORIZATION)? else {
            return refuse(ErrorCode::CredentialMissing, "no Authorization header");
        };
        let (scheme, value) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let is_basic = scheme.eq_ignore_ascii_case("basic");
        let basic = if is_basic { user_name(value) } else { None };
        let key = basic.as_deref().unwrap_or(value);
        match KeyKind::of(key) {
            Some(KeyKind::Secret) => return refuse_secret_key(key, headers.contains_key(ORIGIN)),
            Some(KeyKind::Publishable) => return refuse_publishable_key(key),
            None => {}
        }
        if !scheme.eq_ignore_ascii_case(AUTHORIZATION_SCHEME) || value.is_empty() {
            return refuse(
                ErrorCode::CredentialMissing,
                "no session token: the scheme is Doorkey, and a token follows it",
            );
        }
        if headers.contains_key(DPOP) {
            return refuse(
                ErrorCode::MultipleCredentials,
                "a DPoP proof beside a session token that is not bound to it",
            );
        }
        Ok(Self { authorization, token: value })
    }
}

/// Secret keys on the wire come with the directory, which knows their public halves; a typo shows without it.
fn refuse_secret_key<T>(key: &str, from_page: bool) -> Result<T, Error> {
    if from_page {
        return refuse(ErrorCode::SecretKeyInBrowser, "a request with an Origin header carries a secret key");
    }
    SecretKey::parse(key)?;
    refuse(ErrorCode::WrongKeyKind, "this API takes session tokens; secret keys are not accepted here")
}

fn refuse_publishable_key<T>(key: &str) -> Result<T, Error> {
    PublishableKey::parse(key)?;
    refuse(ErrorCode::WrongKeyKind, "a publishable key is traded for a session token before it is used")
}

/// The user name of Basic credentials (RFC 7617), where secret keys may stand.
fn user_name(credentials: &str) -> Option<String> {
    let text = String::from_utf8(doorkey_core::parse_base64(credentials)?).ok()?;
    Some(text.split_once(':')?.0.to_owned())
}
