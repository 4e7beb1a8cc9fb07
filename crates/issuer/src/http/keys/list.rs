//! `GET /v1/keys`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{Environment, Id, KeyKind, MemberId, OrganizationId, WorkspaceId};
use utoipa::{IntoParams, ToSchema};

use super::KeyView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Limit, Listing};
use crate::http::query::Query;
use crate::store::{KeyCursor, KeyFilter, KeySort, KeyState, SortValue, Tenant};

/// What keys are sorted by.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    #[default]
    CreatedAt,
    Name,
    LastUsedAt,
    ExpiresAt,
}

/// Up or down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    #[default]
    Asc,
    Desc,
}

/// Which keys are asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The keys of a workspace; this or `organization`.
    #[param(value_type = Option<schemas::WorkspaceId>)]
    workspace: Option<WorkspaceId>,
    /// The keys of an organization and all its workspaces.
    #[param(value_type = Option<schemas::OrganizationId>)]
    organization: Option<OrganizationId>,
    #[param(value_type = Option<schemas::KeyKind>)]
    kind: Option<KeyKind>,
    #[param(value_type = Option<schemas::Environment>)]
    environment: Option<Environment>,
    #[param(value_type = Option<schemas::KeyState>)]
    state: Option<KeyState>,
    /// The personal keys of a member.
    #[param(value_type = Option<schemas::MemberId>)]
    owner: Option<MemberId>,
    /// Keys whose name holds this, in whatever case.
    #[param(max_length = 100)]
    name: Option<String>,
    #[serde(default)]
    #[param(value_type = Option<Sort>, inline)]
    sort: Sort,
    #[serde(default)]
    #[param(value_type = Option<Order>, inline)]
    order: Order,
    /// How many entries at most.
    #[serde(default)]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// Where to go on: the `next_cursor` of the page before, with the same filter and order.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List keys
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "listKeys",
    tag = "Keys",
    params(Wanted),
    responses((status = 200, description = "One page of keys.", body = Listing<KeyView>), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Error> {
    let tenant = match (wanted.workspace, wanted.organization) {
        (Some(workspace), None) => {
            let found = issuer.registry().show_workspace(&caller.actor, workspace).await?;
            Tenant { organization: found.organization, workspace: Some(workspace) }
        }
        (None, Some(organization)) => Tenant { organization, workspace: None },
        (None, None) | (Some(_), Some(_)) => {
            return Err(Error::invalid("workspace", "either a workspace or an organization"));
        }
    };
    if wanted.name.as_ref().is_some_and(|name| name.chars().count() > 100 || name.contains('\0')) {
        return Err(Error::invalid("name", "at most 100 characters"));
    }
    let sort = match wanted.sort {
        Sort::CreatedAt => KeySort::CreatedAt,
        Sort::Name => KeySort::Name,
        Sort::LastUsedAt => KeySort::LastUsedAt,
        Sort::ExpiresAt => KeySort::ExpiresAt,
    };
    let filter = KeyFilter {
        kind: wanted.kind,
        environment: wanted.environment,
        state: wanted.state,
        owner: wanted.owner,
        name: wanted.name,
        sort,
        descending: wanted.order == Order::Desc,
    };
    let after = wanted.cursor.map(|cursor| read_cursor(&cursor, &filter)).transpose()?;
    let limit = wanted.limit;
    let keys = issuer.registry().list_keys(&caller.actor, tenant, &filter, after, limit.entries_and_one()).await?;
    let cursor = |key: &_| write_cursor(&sort.cursor(key), &filter);
    Ok(Json(Listing::of(keys, limit, cursor, |key| KeyView::of(&key, &issuer))))
}

/// A cursor begins with the order that it is of, so that it is of no other list.
fn tag(filter: &KeyFilter) -> u8 {
    filter.sort as u8 * 2 + u8::from(filter.descending) + b'k'
}

fn write_cursor(cursor: &KeyCursor, filter: &KeyFilter) -> Cursor {
    let value = match &cursor.value {
        SortValue::Number(number) => number.to_be_bytes().to_vec(),
        SortValue::Bytes(bytes) => bytes.clone(),
    };
    Cursor { sort_key: [&[tag(filter)], &value[..]].concat(), id: *cursor.id.as_bytes() }
}

fn read_cursor(cursor: &Cursor, filter: &KeyFilter) -> Result<KeyCursor, Error> {
    let of_another = || Error::invalid("cursor", "is of another list or order");
    let value = cursor.sort_key.strip_prefix(&[tag(filter)]).ok_or_else(of_another)?;
    let value = match filter.sort {
        KeySort::CreatedAt | KeySort::Name => SortValue::Bytes(value.to_vec()),
        KeySort::LastUsedAt | KeySort::ExpiresAt => {
            SortValue::Number(value.try_into().map(i64::from_be_bytes).map_err(|_| of_another())?)
        }
    };
    Ok(KeyCursor { value, id: Id::from_bytes(cursor.id) })
}
