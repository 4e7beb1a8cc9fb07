//! `GET /healthz`: the process runs. `GET /readyz`: it can answer, its store included.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CACHE_CONTROL;

use super::Shared;
use super::openapi::refusals;
use crate::error::Error;

/// Ask whether the process runs
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "checkAlive",
    tag = "Health",
    responses((status = 200, description = "It runs.", body = String, content_type = "text/plain"), refusals::Any),
)]
pub(super) async fn alive() -> impl IntoResponse {
    ok()
}

/// Ask whether the issuer can answer
///
/// Its store included.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "checkReady",
    tag = "Health",
    responses((status = 200, description = "It can.", body = String, content_type = "text/plain"), refusals::Any),
)]
pub(super) async fn ready(State(issuer): Shared) -> Result<impl IntoResponse, Error> {
    issuer.store().ping().await?;
    Ok(ok())
}

fn ok() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok\n")
}
