//! `GET /v1/directory`.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use utoipa::IntoParams;

use super::line;
use crate::directory;
use crate::error::Error;
use crate::http::Shared;
use crate::http::openapi::refusals;
use crate::http::query::Query;
use crate::http::signed::Signed;

/// What is asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The revision that is known already; 0 unless told.
    since: Option<u64>,
    /// The history that `since` counts in.
    history: Option<String>,
    /// Whether the answer goes on, with changes as they come; it does not unless told.
    follow: Option<bool>,
}

/// Follow the directory
///
/// One JSON object on each line. `begin` says what the others come on top of: of `since` 0, the reader forgets what it
/// has. `settings`, `key`, `organization` and `workspace` say how something is now, in the order of the changes.
/// `synced` says that nothing is missing up to a revision. With `follow`, changes follow as they come, and `synced` at
/// least once a second, until after some minutes the answer ends and the reader asks again.
#[utoipa::path(
    get,
    path = "/v1/directory",
    operation_id = "followDirectory",
    tag = "Verifiers",
    params(Wanted),
    responses(
        (
            status = 200,
            description = "Lines.",
            body = line::DirectoryLine,
            content_type = "application/x-ndjson",
            headers(("Cache-Control" = String, description = "`no-store`.")),
        ),
        refusals::Signed,
    ),
    security(("verifier" = [])),
)]
pub(super) async fn directory(State(issuer): Shared, request: Request) -> Result<impl IntoResponse, Error> {
    let mut signed = Signed::check(&issuer, request, 0).await?;
    let Query(wanted) = Query::<Wanted>::from_request_parts(&mut signed.parts, &()).await?;
    let wanted = directory::Wanted {
        since: wanted.since.unwrap_or(0),
        history: wanted.history,
        follow: wanted.follow.unwrap_or(false),
    };
    let lines = issuer.feed().open(signed.verifier, &wanted, signed.received).await?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)))
}
