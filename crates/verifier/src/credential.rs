//! Which credential a request carries: exactly one, or a refusal that says what to use instead.

use std::borrow::Cow;

use doorkey_core::{
    AUTHORIZATION_SCHEME, Error, ErrorCode, KeyKind, Proof, ProofKey, PublishableKey, RequestTarget, SignedUrl,
};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, ORIGIN};

use crate::policy::Policy;
use crate::request::single;
use crate::signed::SignatureFields;

/// The header of the other proof of possession (RFC 9449); not taken yet, and never beside a signature.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Where a key may stand in a URL, if the operator lets it.
const API_KEY: &str = "api_key";

/// The one credential of a request.
pub(crate) enum Credential<'a> {
    /// A session token, and the whole value of the header that it came in, which the proof covers.
    Session { authorization: &'a str, token: &'a str },
    /// A secret key, shown as it is.
    SecretKey(Cow<'a, str>),
    /// A request that a secret key has signed.
    SignedByKey(Box<Proof<'a>>),
    /// A URL that a session has signed.
    SignedUrl(Box<SignedUrl<'a>>),
}

/// Refuses a proof beside another credential. Of a session token it is a part.
pub(crate) fn refuse_proof(signatures: &SignatureFields<'_>) -> Result<(), Error> {
    if signatures.proof_if_any()?.is_some() { multiple("a signature beside another credential") } else { Ok(()) }
}

fn refuse<T>(code: ErrorCode, detail: &'static str) -> Result<T, Error> {
    Err(Error::new(code, detail))
}

fn multiple<T>(detail: &'static str) -> Result<T, Error> {
    refuse(ErrorCode::MultipleCredentials, detail)
}

impl<'a> Credential<'a> {
    /// Finds the one credential among a request's headers and in its target.
    pub(crate) fn find(
        headers: &'a HeaderMap,
        target: RequestTarget<'a>,
        signatures: &'a SignatureFields<'_>,
        policy: &Policy,
    ) -> Result<Self, Error> {
        if headers.get_all(AUTHORIZATION).iter().count() > 1 {
            return multiple("more than one Authorization header");
        }
        let authorization = single(headers, &AUTHORIZATION)?;
        let found = match (authorization, Self::in_target(target, policy)) {
            (Some(authorization), Ok(None)) => Self::in_header(authorization, headers.contains_key(ORIGIN))?,
            (Some(_), _) => return multiple("a credential in the URL beside an Authorization header"),
            (None, Err(error)) => return Err(error),
            (None, Ok(Some(in_url))) => in_url?,
            (None, Ok(None)) => match signatures.proof_if_any()? {
                Some(proof) if matches!(proof.key(), ProofKey::Secret(_)) => Self::SignedByKey(Box::new(proof)),
                Some(_) => return refuse(ErrorCode::CredentialMissing, "a session's signature needs its token"),
                None => return refuse(ErrorCode::CredentialMissing, "no Authorization header"),
            },
        };
        if headers.contains_key(DPOP) {
            return multiple("a DPoP proof beside a credential that is not bound to it");
        }
        if matches!(found, Self::SignedUrl(_)) {
            refuse_proof(signatures)?;
        }
        Ok(found)
    }

    fn in_header(authorization: &'a str, is_from_page: bool) -> Result<Self, Error> {
        // A key without a scheme is one all the same.
        let (scheme, value) = authorization.split_once(' ').unwrap_or(("", authorization));
        if scheme.eq_ignore_ascii_case("basic") {
            let (user, password) = basic(value).unwrap_or_default();
            if is_verifier_credential(&user) || is_verifier_credential(&password) {
                return refuse_verifier_credential();
            }
            return match KeyKind::of(&user) {
                Some(KeyKind::Secret) if password.is_empty() => Ok(Self::SecretKey(Cow::Owned(user))),
                Some(KeyKind::Secret) => {
                    refuse(ErrorCode::CredentialMissing, "a secret key as user name goes with an empty password")
                }
                Some(KeyKind::Publishable) => refuse_publishable_key(&user),
                None if KeyKind::of(&password) == Some(KeyKind::Secret) => refuse(
                    ErrorCode::CredentialMissing,
                    "a secret key as password: it goes as user name, with an empty password",
                ),
                None => no_credential(),
            };
        }
        if is_verifier_credential(value) {
            return refuse_verifier_credential();
        }
        match KeyKind::of(value) {
            // From a page whatever the scheme: one that is wrong must not make a leak go unnoticed.
            Some(KeyKind::Secret) if is_from_page || scheme.eq_ignore_ascii_case("bearer") => {
                Ok(Self::SecretKey(Cow::Borrowed(value)))
            }
            Some(KeyKind::Publishable) => refuse_publishable_key(value),
            None if scheme.eq_ignore_ascii_case(AUTHORIZATION_SCHEME) && !value.is_empty() => {
                Ok(Self::Session { authorization, token: value })
            }
            Some(KeyKind::Secret) => {
                refuse(ErrorCode::CredentialMissing, "a secret key without Bearer: send Authorization: Bearer sk_…")
            }
            None if is_bare(authorization, "bearer") => {
                refuse(ErrorCode::CredentialMissing, "nothing stands behind Bearer: send Authorization: Bearer sk_…")
            }
            None if is_bare(authorization, AUTHORIZATION_SCHEME) => {
                refuse(ErrorCode::CredentialMissing, "no session token stands behind Doorkey")
            }
            None => no_credential(),
        }
    }

    /// What stands in the URL, or why it does not count.
    fn in_target(target: RequestTarget<'a>, policy: &Policy) -> Result<Option<Result<Self, Error>>, Error> {
        let mut keys = keys_in(target);
        let key = keys.next();
        if keys.next().is_some() {
            return multiple("more than one key in the URL");
        }
        match (SignedUrl::parse(target)?, key) {
            (Some(_), Some(_)) => multiple("a signed URL with a key in it"),
            (Some(url), None) => Ok(Some(Ok(Self::SignedUrl(Box::new(url))))),
            (None, None) => Ok(None),
            (None, Some(key)) => Ok(Some(match KeyKind::of(key) {
                Some(KeyKind::Publishable) => refuse_publishable_key(key),
                _ if policy.takes_api_key_parameter() => Ok(Self::SecretKey(Cow::Borrowed(key))),
                _ => refuse(
                    ErrorCode::CredentialMissing,
                    "keys in URLs are not accepted here: send Authorization: Bearer sk_…",
                ),
            })),
        }
    }
}

/// Values of the parameter `api_key` that are keys of ours, whole or not.
fn keys_in(target: RequestTarget<'_>) -> impl Iterator<Item = &str> {
    let parameters = target.query().unwrap_or_default().split('&');
    parameters.filter_map(|parameter| parameter.strip_prefix(API_KEY)?.strip_prefix('=')).filter(|value| {
        // No character of a key needs an escape.
        KeyKind::of(value).is_some()
    })
}

/// The same target without the parameters that were its credential; `None` if there are none.
///
/// ```
/// use doorkey_verifier::bare_target;
///
/// assert_eq!(bare_target("/pictures?size=2&dk-token=a.b.c").as_deref(), Some("/pictures?size=2"));
/// assert_eq!(bare_target("/pictures?size=2"), None);
/// ```
pub fn bare_target(target: &str) -> Option<String> {
    let is_credential = |parameter: &&str| {
        parameter.starts_with("dk-")
            || parameter
                .strip_prefix(API_KEY)
                .and_then(|rest| rest.strip_prefix('='))
                .is_some_and(|value| KeyKind::of(value).is_some())
    };
    let (path, query) = target.split_once('?')?;
    if !query.split('&').any(|parameter| is_credential(&parameter)) {
        return None;
    }
    let left = query.split('&').filter(|parameter| !is_credential(parameter)).collect::<Vec<_>>().join("&");
    Some(if left.is_empty() { path.to_owned() } else { format!("{path}?{left}") })
}

fn no_credential<T>() -> Result<T, Error> {
    refuse(
        ErrorCode::CredentialMissing,
        "neither a session token behind the scheme Doorkey nor a secret key behind Bearer",
    )
}

/// Whether a header has a scheme and nothing behind it.
fn is_bare(authorization: &str, scheme: &str) -> bool {
    authorization.trim_end().eq_ignore_ascii_case(scheme)
}

/// Whether a text claims to be what verifiers show the issuer, whatever follows.
fn is_verifier_credential(text: &str) -> bool {
    text.starts_with("vk_")
}

fn refuse_verifier_credential<T>() -> Result<T, Error> {
    refuse(
        ErrorCode::WrongKeyKind,
        "a verifier's credential (vk_) was sent: it never leaves its verifier, a server sends a secret key (sk_)",
    )
}

fn refuse_publishable_key<T>(key: &str) -> Result<T, Error> {
    PublishableKey::parse(key)?;
    refuse(
        ErrorCode::WrongKeyKind,
        "a publishable key (pk_) was sent: a page has the SDK trade it for a session token, a server sends a secret key (sk_)",
    )
}

/// User name and password of Basic credentials (RFC 7617).
fn basic(credentials: &str) -> Option<(String, String)> {
    let text = String::from_utf8(doorkey_core::parse_base64(credentials)?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use doorkey_core::ErrorCode;

    use super::Credential;

    #[test]
    fn a_credential_in_the_wrong_place_is_told_where_it_belongs() {
        // Basic credentials of ":sk_live_x", "a:sk_live_x", "sk_live_x:a" and "vk_x:".
        for (authorization, code, detail) in [
            ("Bearer", ErrorCode::CredentialMissing, "nothing stands behind Bearer"),
            ("bearer ", ErrorCode::CredentialMissing, "nothing stands behind Bearer"),
            ("Doorkey", ErrorCode::CredentialMissing, "no session token stands behind Doorkey"),
            ("Bearer vk_x", ErrorCode::WrongKeyKind, "a verifier's credential (vk_)"),
            ("vk_x", ErrorCode::WrongKeyKind, "a verifier's credential (vk_)"),
            ("Basic dmtfeDo=", ErrorCode::WrongKeyKind, "a verifier's credential (vk_)"),
            ("Basic OnNrX2xpdmVfeA==", ErrorCode::CredentialMissing, "a secret key as password"),
            ("Basic YTpza19saXZlX3g=", ErrorCode::CredentialMissing, "a secret key as password"),
            ("Basic c2tfbGl2ZV94OmE=", ErrorCode::CredentialMissing, "goes with an empty password"),
            ("Bearer eyJ", ErrorCode::CredentialMissing, "neither a session token"),
        ] {
            let Err(error) = Credential::in_header(authorization, false) else { panic!("{authorization} is taken") };
            assert_eq!(error.code(), code, "{authorization}");
            assert!(error.to_string().contains(detail), "{authorization}: {error}");
        }
    }
}
