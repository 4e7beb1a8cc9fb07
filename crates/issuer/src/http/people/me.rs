//! `GET /v1/me` and `PATCH /v1/me`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;
use utoipa::ToSchema;

use crate::access::OrganizationRole;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::Input;
use crate::http::openapi::{refusals, schemas};
use crate::http::sign_ins::MemberView;
use crate::issuer::Issuer;
use crate::store::{OwnMembership, Person};

/// Who has signed in, and where they belong.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeView {
    #[serde(flatten)]
    member: MemberView,
    /// The first organization first.
    memberships: Vec<OwnMembershipView>,
}

/// A place in an organization.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = OwnMembership)]
pub(super) struct OwnMembershipView {
    #[schema(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    organization_name: String,
    #[schema(value_type = schemas::OrganizationRole)]
    role: OrganizationRole,
}

impl From<OwnMembership> for OwnMembershipView {
    fn from(membership: OwnMembership) -> Self {
        let OwnMembership { organization, organization_name, role } = membership;
        Self { organization, organization_name, role }
    }
}

/// What to change.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MeChanges {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// Show your account
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "showMe",
    tag = "People",
    responses((status = 200, description = "Your account.", body = MeView), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn show(State(issuer): Shared, caller: Caller) -> Result<impl IntoResponse, Error> {
    let person = issuer.registry().person(caller.person()).await?;
    view(&issuer, &caller, person).await
}

/// Change your name
#[utoipa::path(
    patch,
    path = "/v1/me",
    operation_id = "editMe",
    tag = "People",
    request_body = MeChanges,
    responses((status = 200, description = "Your account.", body = MeView), refusals::Change),
    security(("member" = [])),
)]
pub(super) async fn edit(
    State(issuer): Shared,
    caller: Caller,
    Input(changes): Input<MeChanges>,
) -> Result<impl IntoResponse, Error> {
    let person = issuer.registry().update_person(&caller.actor, &changes.name).await?;
    view(&issuer, &caller, person).await
}

async fn view(issuer: &Issuer, caller: &Caller, person: Person) -> Result<Json<MeView>, Error> {
    let memberships = issuer.registry().own_memberships(&caller.actor).await?;
    let Person { id, email, name, is_operator, .. } = person;
    Ok(Json(MeView {
        member: MemberView { id, email, name, operator: is_operator },
        memberships: memberships.into_iter().map(Into::into).collect(),
    }))
}
