//! `/v1/sign-ins`: one file for each thing that can be asked.

mod confirm;
mod create;
mod end;
mod list;
mod sign_out;

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use doorkey_core::{MemberId, SignInId};
use http::StatusCode;
use http::header::SET_COOKIE;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cookie::SignInCookie;
use super::openapi::schemas;
use crate::issuer::Issuer;
use crate::registry::SignedInNow;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(end::end))
        .routes(routes!(end::end_others))
        .routes(routes!(sign_out::sign_out))
        .routes(routes!(confirm::confirm))
}

/// Who has signed in, and until when.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(super) struct SignedInView {
    pub(super) member: MemberView,
    pub(super) sign_in: PeriodView,
}

/// A person.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = SignedInMember)]
pub(super) struct MemberView {
    #[schema(value_type = schemas::MemberId)]
    pub(super) id: MemberId,
    #[schema(value_type = schemas::Email)]
    pub(super) email: String,
    pub(super) name: String,
    /// Whether the person may create organizations.
    pub(super) operator: bool,
}

/// How long a sign-in lasts. Unused for a day it ends earlier.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = SignInPeriod)]
pub(super) struct PeriodView {
    #[schema(value_type = schemas::SignInId)]
    pub(super) id: SignInId,
    #[schema(value_type = schemas::Timestamp)]
    pub(super) created_at: u64,
    #[schema(value_type = schemas::Timestamp)]
    pub(super) expires_at: u64,
}

impl SignedInView {
    pub(super) fn of(now: &SignedInNow) -> Self {
        let SignedInNow { signed_in, name, created_at, expires_at, .. } = now;
        Self {
            member: MemberView {
                id: signed_in.person,
                email: signed_in.email.clone(),
                name: name.clone(),
                operator: signed_in.is_operator,
            },
            sign_in: PeriodView { id: signed_in.sign_in, created_at: *created_at, expires_at: *expires_at },
        }
    }
}

/// 201 for somebody who has just come in, with the cookie, which lasts as long as the sign-in.
pub(super) fn came_in(now: &SignedInNow, view: impl serde::Serialize, issuer: &Issuer) -> Response {
    let seconds = now.expires_at.saturating_sub(issuer.clock().now());
    let cookie = SignInCookie::at(issuer.settings().public_url()).set(now.secret.as_bytes(), seconds);
    (StatusCode::CREATED, [(SET_COOKIE, cookie)], Json(view)).into_response()
}
