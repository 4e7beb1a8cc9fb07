//! `POST /v1/keys/{key}/revoke` and its like, which take no more than the key's id.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use doorkey_core::KeyId;

use super::KeyView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;
use crate::issuer::Issuer;
use crate::store::KeyRecord;

/// Declares an endpoint that applies one change of state.
macro_rules! state_endpoints {
    ($($(#[$doc:meta])* $name:ident $path:literal $operation:literal $apply:ident;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $operation,
            tag = "Keys",
            params(("key" = schemas::KeyId, Path, description = "The key.")),
            responses(
                (
                    status = 200,
                    description = "The key as it is now.",
                    body = KeyView,
                    headers(("ETag" = String, description = "Its revision.")),
                ),
                refusals::Change,
            ),
            security(("member" = [])),
        )]
        pub(super) async fn $name(
            State(issuer): Shared,
            caller: Caller,
            Path(key): Path<KeyId>,
        ) -> Result<Response, Error> {
            let record = issuer.registry().$apply(&caller.actor, key).await?;
            Ok(answer(&record, &issuer))
        }
    )+};
}

state_endpoints! {
    /// Revoke a key
    ///
    /// For good. A workspace keeps one secret key that can be used.
    revoke "/v1/keys/{key}/revoke" "revokeKey" revoke_key;
    /// Disable a key
    disable "/v1/keys/{key}/disable" "disableKey" disable_key;
    /// Enable a key
    enable "/v1/keys/{key}/enable" "enableKey" enable_key;
    /// Protect a key
    ///
    /// Until the protection is lifted it cannot be revoked, disabled and rolled.
    protect "/v1/keys/{key}/protect" "protectKey" protect_key;
    /// Lift the protection of a key
    ///
    /// Takes a password that was confirmed within five minutes.
    unprotect "/v1/keys/{key}/unprotect" "unprotectKey" unprotect_key;
    /// Turn a personal key into a service key
    ///
    /// Takes a role that manages members, and a password that was confirmed within five minutes.
    convert "/v1/keys/{key}/convert" "convertKey" convert_key;
}

fn answer(key: &KeyRecord, issuer: &Issuer) -> Response {
    (ETag(key.revision), Json(KeyView::of(key, issuer))).into_response()
}
