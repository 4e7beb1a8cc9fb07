//! `GET /v1/sign-ins`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::SignInId;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::Listing;

/// One place where somebody has signed in.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = SignIn)]
pub(super) struct SignInView {
    #[schema(value_type = schemas::SignInId)]
    id: SignInId,
    /// The network address that it was made from.
    address: String,
    /// What the browser calls itself; may be empty.
    user_agent: String,
    #[schema(value_type = schemas::Timestamp)]
    created_at: u64,
    /// Within a minute.
    #[schema(value_type = schemas::Timestamp)]
    last_seen_at: u64,
    #[schema(value_type = schemas::Timestamp)]
    expires_at: u64,
    /// Whether it is the one that this request was made with.
    current: bool,
    /// How long the password that was asked again still counts.
    #[schema(value_type = Option<schemas::Timestamp>, required)]
    confirmed_until: Option<u64>,
}

/// List your sign-ins
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/v1/sign-ins",
    operation_id = "listSignIns",
    tag = "Sign-ins",
    responses((status = 200, description = "All of them.", body = Listing<SignInView>), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn list(State(issuer): Shared, caller: Caller) -> Result<impl IntoResponse, Error> {
    let now = issuer.clock().now();
    let view = |sign_in: crate::store::SignIn| SignInView {
        id: sign_in.id,
        confirmed_until: sign_in.confirmed_until(now),
        current: sign_in.id == caller.signed_in.sign_in,
        address: sign_in.address,
        user_agent: sign_in.user_agent,
        created_at: sign_in.created_at,
        last_seen_at: sign_in.last_seen_at,
        expires_at: sign_in.expires_at,
    };
    let sign_ins = issuer.registry().sign_ins(caller.person()).await?;
    Ok(Json(Listing::whole(sign_ins.into_iter().map(view).collect())))
}
