//! Credentials of programs: none of them manages keys.

use doorkey_core::{KeyKind, SecretKey, parse_base64};
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, Uri};
use zeroize::Zeroizing;

/// Schemes by which programs show who they are.
const SCHEMES: [&str; 4] = ["basic", "bearer", "doorkey", "dpop"];
const SIGNATURES: [HeaderName; 2] = [HeaderName::from_static("signature"), HeaderName::from_static("signature-input")];

/// What a request carries besides a member's sign-in.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for a request, and none is kept")]
pub(super) enum Credential {
    /// Nothing.
    None,
    /// An API key; the key itself if it is a secret key without a typo.
    Key(Option<SecretKey>),
    /// A session token, a signature, or something in a place for credentials.
    Other,
}

impl Credential {
    /// Finds it, whether or not it would be accepted anywhere. A key comes before all else.
    pub(super) fn find(headers: &HeaderMap, uri: &Uri) -> Self {
        let mut found = Self::None;
        for value in headers.get_all(AUTHORIZATION) {
            match Self::of_authorization(value.as_bytes()) {
                Self::None => {}
                Self::Other => found = Self::Other,
                key @ Self::Key(_) => return key,
            }
        }
        let query = uri.query().unwrap_or_default().as_bytes();
        if let Some((_, key)) = url::form_urlencoded::parse(query).find(|(name, _)| name == "api_key") {
            return Self::Key(SecretKey::parse(&Zeroizing::new(key.into_owned())).ok());
        }
        if SIGNATURES.iter().any(|name| headers.contains_key(name)) { Self::Other } else { found }
    }

    fn of_authorization(value: &[u8]) -> Self {
        let Ok(value) = std::str::from_utf8(value) else { return Self::Other };
        let value = value.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let is_known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let user = if scheme.eq_ignore_ascii_case("basic") { user_name(rest.trim()) } else { None };
        let key = match &user {
            Some(user) => user.as_str(),
            None if is_known => rest.trim(),
            // Somebody forgot the scheme.
            None => value,
        };
        match KeyKind::of(key) {
            Some(KeyKind::Secret) => Self::Key(SecretKey::parse(key).ok()),
            Some(KeyKind::Publishable) => Self::Key(None),
            None if is_known => Self::Other,
            None => Self::None,
        }
    }
}

/// The user name of Basic credentials (RFC 7617), where secret keys may stand.
fn user_name(credentials: &str) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(String::from_utf8(parse_base64(credentials)?).ok()?);
    text.split_once(':').map(|(user, _)| Zeroizing::new(user.to_owned()))
}

#[cfg(test)]
mod tests {
    use doorkey_core::{Environment, KeyId, PublishableKey, SecretKey, SigningKey};
    use http::{HeaderMap, HeaderName, Uri};

    use super::Credential;

    /// Standard base64, which core writes only into its own headers.
    fn base64(text: &str) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits = |piece: &[u8]| {
            let bits = piece.iter().chain(&[0; 2]).take(3).fold(0, |bits, &b| bits << 8 | usize::from(b));
            let all = (0..4).map(|i| char::from(alphabet[bits >> (18 - 6 * i) & 63])).take(piece.len() + 1);
            all.chain("==".chars().take(3 - piece.len())).collect::<String>()
        };
        text.as_bytes().chunks(3).map(digits).collect()
    }

    fn find(path: &str, headers: &[(&'static str, &str)]) -> Credential {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Credential::find(&map, &path.parse::<Uri>().unwrap())
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let id = KeyId::from_bytes([5; 16]);
        let secret = SecretKey::new(id, Environment::Live, SigningKey::from_seed(&[1; 32])).to_key_string();
        let publishable = PublishableKey::new(id, Environment::Live, "keys.example.com".parse().unwrap()).to_string();
        for (path, authorization) in [
            ("/", format!("Bearer {}", *secret)),
            ("/", format!("bearer   {}", *secret)),
            ("/", format!("Doorkey {}", *secret)),
            ("/", format!("Basic {}", base64(&format!("{}:", *secret)))),
            ("/", format!("Basic {}", *secret)),
            ("/", secret.to_string()),
            (&format!("/?a=b&api_key={}", *secret), "Bearer other".into()),
        ] {
            let found = find(path, &[("authorization", &authorization)]);
            assert!(matches!(&found, Credential::Key(Some(key)) if key.id() == id), "{found:?}");
            assert!(!format!("{found:?}").contains(&secret[12..]), "{found:?}");
        }
        let second = [("authorization", "Bearer x"), ("authorization", &*format!("Bearer {}", *secret))];
        assert!(matches!(find("/", &second), Credential::Key(Some(_))));
        for (path, authorization) in
            [("/", "Bearer sk_live_cut"), ("/", &format!("Bearer {publishable}")), ("/?api_key=x", "")]
        {
            assert!(
                matches!(find(path, &[("authorization", authorization)]), Credential::Key(None)),
                "{authorization}"
            );
        }
    }

    #[test]
    fn other_credentials_are_told_from_none() {
        for authorization in ["Doorkey a.b.c", "Bearer a.b.c", "Basic dTpw", "BASIC", "bearer"] {
            let found = find("/", &[("authorization", authorization)]);
            assert!(matches!(found, Credential::Other), "{authorization}: {found:?}");
        }
        for name in ["signature", "signature-input"] {
            assert!(matches!(find("/", &[(name, "x")]), Credential::Other));
        }
        for (path, headers) in
            [("/", &[][..]), ("/?api_keys=x", &[("cookie", "a=b")]), ("/", &[("authorization", "Negotiate abc")])]
        {
            assert!(matches!(find(path, headers), Credential::None), "{path}");
        }
    }
}
