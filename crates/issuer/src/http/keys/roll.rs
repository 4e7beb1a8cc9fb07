//! `POST /v1/keys/{key}/roll`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::KeyId;
use http::StatusCode;
use utoipa::ToSchema;

use super::CreatedKeyView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;
use crate::registry::Grace;

/// When the old key ends.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, ToSchema)]
pub(super) enum GracePeriod {
    /// At once.
    #[default]
    #[serde(rename = "none")]
    None,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "3d")]
    ThreeDays,
    #[serde(rename = "7d")]
    Week,
    /// When the new key is first used.
    #[serde(rename = "first_use")]
    FirstUse,
}

/// How the old key ends.
#[derive(Debug, Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Roll)]
pub(super) struct Input {
    /// `none` unless told. Either this or `ends_at`.
    grace: Option<GracePeriod>,
    /// The time at which it ends.
    #[schema(value_type = Option<schemas::Timestamp>)]
    ends_at: Option<u64>,
}

impl Input {
    fn resolve(&self) -> Result<Grace, Error> {
        match (self.grace, self.ends_at) {
            (Some(_), Some(_)) => Err(Error::invalid("ends_at", "either this or grace")),
            (None, Some(time)) => Ok(Grace::Until(time)),
            (grace, None) => Ok(match grace.unwrap_or_default() {
                GracePeriod::None => Grace::None,
                GracePeriod::Hour => Grace::For(3600),
                GracePeriod::Day => Grace::For(86_400),
                GracePeriod::ThreeDays => Grace::For(3 * 86_400),
                GracePeriod::Week => Grace::For(7 * 86_400),
                GracePeriod::FirstUse => Grace::FirstUse,
            }),
        }
    }
}

/// Roll a key
///
/// Makes a new key with the same rights and links the two. Takes a password that was confirmed within five minutes.
#[utoipa::path(
    post,
    path = "/v1/keys/{key}/roll",
    operation_id = "rollKey",
    tag = "Keys",
    params(
        ("key" = schemas::KeyId, Path, description = "The key."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent."),
    ),
    request_body = Option<Input>,
    responses(
        (
            status = 201,
            description = "The new key.",
            body = CreatedKeyView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Change,
    ),
    security(("member" = [])),
)]
pub(super) async fn roll(
    State(issuer): Shared,
    caller: Caller,
    Path(key): Path<KeyId>,
    RepeatableInput { input, idempotency }: RepeatableInput<Option<Input>>,
) -> Result<impl IntoResponse, Error> {
    let grace = input.unwrap_or_default().resolve()?;
    let created = issuer.registry().roll_key(&caller.actor, key, grace, idempotency.as_ref()).await?;
    let view = CreatedKeyView::of(&created, &issuer);
    Ok((StatusCode::CREATED, ETag(created.record().revision), Json(view)))
}
