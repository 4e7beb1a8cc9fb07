//! What a request's query asks for.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::wrong::wrong_member;
use crate::error::Error;

/// The parameters of the query. Of a `T` that denies unknown fields, one that is unknown, wrong, missing or there twice
/// is refused with `invalid_input` and its name.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = serde_html_form::Deserializer::from_bytes(parts.uri.query().unwrap_or_default().as_bytes());
        serde_path_to_error::deserialize(query).map(Self).map_err(|error| {
            let path = error.path().clone();
            wrong_member(&path, &error.into_inner().to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequestParts, Request};
    use doorkey_core::KeyKind;

    use super::Query;
    use crate::error::Error;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        kind: Option<KeyKind>,
        most: Option<u64>,
        #[serde(default)]
        revoked: bool,
    }

    async fn read(query: &str) -> Result<Wanted, Error> {
        let (mut parts, ()) = Request::get(format!("/v1/keys{query}")).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(wanted)| wanted)
    }

    #[tokio::test]
    async fn a_query_is_read() {
        assert_eq!(read("").await.unwrap(), Wanted { kind: None, most: None, revoked: false });
        // What an empty field of a form sends.
        assert_eq!(read("?most=").await.unwrap().most, None);
        let wanted = Wanted { kind: Some(KeyKind::Secret), most: Some(7), revoked: true };
        assert_eq!(read("?most=7&kind=%73ecret&revoked=true").await.unwrap(), wanted);
    }

    #[tokio::test]
    async fn a_wrong_parameter_is_named() {
        for (query, field, detail) in [
            ("?a=b", "a", "this is not known here"),
            ("?most=x", "most", "expected a whole number"),
            ("?most=-1", "most", "expected a whole number"),
            ("?most=1&most=2", "most", "this stands more than once"),
            ("?kind=sk_secret", "kind", "expected `publishable` or `secret`"),
            ("?revoked=1", "revoked", "expected \"true\", \"on\" or \"false\""),
        ] {
            let Err(error) = read(query).await else { panic!("{query}") };
            assert_eq!(error.code().as_str(), "invalid_input");
            let [wrong] = error.fields() else { panic!("{error}") };
            assert_eq!((&*wrong.field, &*wrong.detail), (field, detail), "{query}");
            assert!(!error.to_string().contains("sk_secret"), "{error}");
        }
    }
}
