//! `POST /v1/usage`.

use axum::extract::{Request, State};
use doorkey_verifier::UsageReport;
use http::StatusCode;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::openapi::{refusals, schemas};
use crate::http::signed::Signed;
use crate::http::{Shared, input};

/// Most bytes of a report.
const MAX_LEN: usize = 1024 * 1024;

/// One batch of counts; for the document, the report itself is the verifier's.
#[derive(ToSchema)]
#[schema(as = UsageReport)]
#[expect(dead_code, reason = "it only describes")]
struct Report {
    /// Names the series of batches: 16 characters of base64url, made once and kept with them.
    #[schema(pattern = "^[A-Za-z0-9_-]{16}$")]
    spool: String,
    /// The batch's number in that series.
    #[schema(minimum = 1)]
    sequence: u64,
    #[schema(max_items = 2000)]
    counts: Vec<Count>,
}

/// How often a key had one outcome in one hour.
#[derive(ToSchema)]
#[schema(as = UsageCount)]
#[expect(dead_code, clippy::struct_field_names, reason = "it only describes, with the names of the protocol")]
struct Count {
    #[schema(value_type = schemas::KeyId)]
    key: (),
    /// When the hour began.
    #[schema(value_type = schemas::Timestamp)]
    hour: u64,
    /// `accepted`, the code of a refusal, or `shadow:` and a restriction.
    outcome: String,
    /// How often, since the last batch.
    count: u64,
    /// When last.
    #[schema(value_type = schemas::Timestamp)]
    last_at: u64,
}

/// Report what keys were used for
///
/// Each batch of a series counts once, however often it is sent; one that is sent before its predecessor is `conflict`.
/// Keys that are not known here are passed over.
#[utoipa::path(
    post,
    path = "/v1/usage",
    operation_id = "reportUsage",
    tag = "Verifiers",
    request_body = Report,
    responses((status = 204, description = "It is counted."), refusals::Report),
    security(("verifier" = [])),
)]
pub(super) async fn usage(State(issuer): Shared, request: Request) -> Result<StatusCode, Error> {
    let Signed { verifier, parts, body, .. } = Signed::check(&issuer, request, MAX_LEN).await?;
    issuer.limits().check_report(verifier)?;
    let report: UsageReport = input::parse(&parts, &body)?;
    issuer.registry().take_usage(verifier, &report).await?;
    Ok(StatusCode::NO_CONTENT)
}
