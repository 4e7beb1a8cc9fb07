//! What a request's path names.

use axum::extract::FromRequestParts;
use doorkey_core::ErrorCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The parameters of the path: one, a tuple of several, or a struct with their names.
///
/// An id of no such form names nothing, so it is `not_found`.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Error::new(ErrorCode::NotFound, "there is nothing at this address")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use doorkey_core::{KeyId, MemberId, OrganizationId};
    use tower::ServiceExt;

    use super::Path;

    #[tokio::test]
    async fn only_an_id_of_the_right_kind_names_something() {
        let router: Router =
            Router::new().route("/keys/{key}", get(async |Path(id): Path<KeyId>| id.to_string())).route(
                "/{organization}/{member}",
                get(async |Path((a, b)): Path<(OrganizationId, MemberId)>| format!("{a}{b}")),
            );
        let (key, organization) = (KeyId::from_bytes([1; 16]), OrganizationId::from_bytes([2; 16]));
        let member = MemberId::from_bytes([3; 16]);
        for (path, status) in [
            (format!("/keys/{key}"), 200),
            (format!("/keys/{organization}"), 404),
            ("/keys/1".into(), 404),
            ("/keys/%ff".into(), 404),
            (format!("/{organization}/{member}"), 200),
            (format!("/{member}/{organization}"), 404),
        ] {
            let request = Request::get(&path).body(Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{path}");
        }
    }
}
