//! `GET /v1/keys/{key}`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::KeyId;

use super::KeyView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;

/// Show a key
#[utoipa::path(
    get,
    path = "/v1/keys/{key}",
    operation_id = "showKey",
    tag = "Keys",
    params(("key" = schemas::KeyId, Path, description = "The key.")),
    responses(
        (
            status = 200,
            description = "The key.",
            body = KeyView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn show(
    State(issuer): Shared,
    caller: Caller,
    Path(key): Path<KeyId>,
) -> Result<impl IntoResponse, Error> {
    let record = issuer.registry().show_key(&caller.actor, key).await?;
    Ok((ETag(record.revision), Json(KeyView::of(&record, &issuer))))
}
