//! `GET /v1/audit-events`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::{KeyId, OrganizationId};
use utoipa::IntoParams;

use super::{EventView, filter};
use crate::audit::AuditEvent;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::page::{Cursor, Limit, Listing};
use crate::http::query::Query;
use crate::store::AuditOrder;

/// Which events are asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The organization.
    #[param(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    /// Done by this member or key.
    actor: Option<String>,
    /// Done to what has this id.
    target: Option<String>,
    /// Done to this key; the same as `target`.
    #[param(value_type = Option<schemas::KeyId>)]
    key: Option<KeyId>,
    /// Of this kind.
    #[param(value_type = Option<schemas::Action>)]
    action: Option<String>,
    /// Not before this time.
    #[param(value_type = Option<schemas::Timestamp>)]
    since: Option<u64>,
    /// Before this time.
    #[param(value_type = Option<schemas::Timestamp>)]
    until: Option<u64>,
    /// How many entries at most.
    #[serde(default)]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// Where to go on: the `next_cursor` of the page before, with the same filter.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// List what was done and what was refused
///
/// The newest first. Takes a role that reads the audit.
#[utoipa::path(
    get,
    path = "/v1/audit-events",
    operation_id = "listAuditEvents",
    tag = "Audit",
    params(Wanted),
    responses((status = 200, description = "One page of events.", body = Listing<EventView>), refusals::Read),
    security(("member" = [])),
)]
pub(super) async fn list(
    State(issuer): Shared,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Error> {
    let Wanted { actor, target, key, action, since, until, .. } = &wanted;
    let mut filter = filter(actor.as_deref(), target.as_deref(), *key, action.as_deref(), *since, *until)?;
    filter.before = wanted.cursor.as_ref().map(read_cursor).transpose()?;
    let (limit, registry) = (wanted.limit, issuer.registry());
    let most = limit.entries_and_one();
    let events =
        registry.audit_events(&caller.actor, wanted.organization, &filter, AuditOrder::NewestFirst, most).await?;
    Ok(Json(Listing::of(events, limit, write_cursor, EventView::from)))
}

fn write_cursor(event: &AuditEvent) -> Cursor {
    Cursor { sort_key: event.sequence.to_be_bytes().to_vec(), id: [0; 16] }
}

fn read_cursor(cursor: &Cursor) -> Result<u64, Error> {
    let sequence = cursor.sort_key.as_slice().try_into().map(u64::from_be_bytes);
    sequence.map_err(|_| Error::invalid("cursor", "is of another list"))
}
