//! `POST /v1/invitations/accept`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use doorkey_core::OrganizationId;
use http::{HeaderMap, StatusCode};
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::{Caller, Visitor, sign_in_first};
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::http::sign_ins::{MemberView, PeriodView, SignedInView, came_in};
use crate::http::token::Token;
use crate::issuer::Issuer;
use crate::password::NewPassword;
use crate::registry::Account;

/// Who accepts. With a name and a password a new person, otherwise whoever has signed in.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acceptance {
    #[schema(value_type = schemas::LinkToken)]
    token: Token,
    /// Of a new person.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Of a new person.
    #[schema(value_type = Option<schemas::NewPassword>)]
    password: Option<NewPassword>,
}

/// Who belongs to an organization now.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = AcceptedInvitation)]
pub(super) struct AcceptedView {
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    #[serde(flatten)]
    signed_in: SignedInView,
}

/// Accept an invitation
///
/// Whoever has an account with the address signs in first. A new person is signed in with this: the answer sets the
/// cookie.
#[utoipa::path(
    post,
    path = "/v1/invitations/accept",
    operation_id = "acceptInvitation",
    tag = "Invitations",
    request_body = Acceptance,
    responses((status = 201, description = "Who has signed in.", body = AcceptedView), refusals::Submit),
)]
pub(super) async fn accept(
    State(issuer): Shared,
    visitor: Visitor,
    headers: HeaderMap,
    Input(acceptance): Input<Acceptance>,
) -> Result<Response, Error> {
    let Acceptance { token, name, password } = acceptance;
    let visit = &visitor.visit;
    let (account, own) = match (name, password) {
        (Some(name), Some(password)) => (Account::New { name, password }, None),
        (None, None) => {
            let caller = Caller::find(&headers, visit.request.clone(), &issuer).await?.ok_or_else(sign_in_first)?;
            let own = view(&caller, &issuer).await?;
            (Account::Own(caller.actor), Some(own))
        }
        (Some(_), None) => return Err(Error::invalid("password", "a new person has a name and a password")),
        (None, Some(_)) => return Err(Error::invalid("name", "a new person has a name and a password")),
    };
    let invited = issuer.registry().accept_invitation(visit, token.as_str(), account).await?;
    let organization = invited.organization;
    if let Some(now) = invited.signed_in {
        return Ok(came_in(&now, AcceptedView { organization, signed_in: SignedInView::of(&now) }, &issuer));
    }
    let signed_in = own.ok_or_else(sign_in_first)?;
    Ok((StatusCode::CREATED, Json(AcceptedView { organization, signed_in })).into_response())
}

/// Somebody who had signed in before.
async fn view(caller: &Caller, issuer: &Issuer) -> Result<SignedInView, Error> {
    let person = issuer.registry().person(caller.person()).await?;
    let all = issuer.registry().sign_ins(caller.person()).await?;
    let sign_in = all.into_iter().find(|sign_in| sign_in.id == caller.signed_in.sign_in).ok_or_else(sign_in_first)?;
    let crate::store::SignIn { id, created_at, expires_at, .. } = sign_in;
    Ok(SignedInView {
        member: MemberView { id: person.id, email: person.email, name: person.name, operator: person.is_operator },
        sign_in: PeriodView { id, created_at, expires_at },
    })
}
