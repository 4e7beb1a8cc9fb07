//! `GET /healthz`: the process runs. `GET /readyz`: it can answer, its store included.

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use doorkey_verifier::RequestId;
use http::header::CACHE_CONTROL;

use super::{Shared, refuse};

pub(super) async fn alive() -> Response {
    ok()
}

pub(super) async fn ready(State(issuer): Shared, Extension(id): Extension<RequestId>) -> Response {
    match issuer.store().ping().await {
        Ok(()) => ok(),
        Err(error) => refuse(&issuer, &id, &error),
    }
}

fn ok() -> Response {
    ([(CACHE_CONTROL, "no-store")], "ok\n").into_response()
}
