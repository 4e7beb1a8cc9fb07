//! `GET /v1/audit-events/export`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use doorkey_core::{KeyId, OrganizationId};
use futures_util::stream::{self, StreamExt};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use utoipa::{IntoParams, ToSchema};

use super::{EventView, csv, filter};
use crate::actor::Actor;
use crate::audit::AuditEvent;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::query::Query;
use crate::issuer::Issuer;
use crate::store::{AuditFilter, AuditOrder};

/// Events that are in memory at once.
const BATCH: u32 = 500;

/// How events are written.
#[derive(Clone, Copy, Debug, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// One JSON object on each line.
    Jsonl,
    /// RFC 4180, with a header.
    Csv,
}

/// Which events are asked for.
#[derive(Debug, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// How they are written.
    #[param(inline)]
    format: Format,
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
}

/// Export what was done and what was refused
///
/// All of it up to now, the oldest first. Takes a role that reads the audit. In CSV, what a spreadsheet would take for
/// a formula has a `'` in front. An export that cannot be finished breaks off.
#[utoipa::path(
    get,
    path = "/v1/audit-events/export",
    operation_id = "exportAuditEvents",
    tag = "Audit",
    params(Wanted),
    responses(
        (
            status = 200,
            description = "Every event that matches.",
            content((String = "application/jsonl"), (String = "text/csv")),
            headers(("Content-Disposition" = String, description = "A name for the file.")),
        ),
        refusals::Read,
    ),
    security(("member" = [])),
)]
pub(super) async fn export(
    State(issuer): Shared,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Error> {
    let Wanted { actor, target, key, action, since, until, .. } = &wanted;
    let mut filter = filter(actor.as_deref(), target.as_deref(), *key, action.as_deref(), *since, *until)?;
    let (organization, format) = (wanted.organization, wanted.format);
    // What is appended meanwhile is not in it: an export has an end.
    filter.before = Some(issuer.registry().last_audit_event().await? + 1);
    let mut export = Export { issuer, actor: caller.actor, organization, filter, format };
    // Before the head of the response is sent, what is wrong can be told.
    let first = export.next().await?;
    let (content_type, extension, head) = match format {
        Format::Jsonl => ("application/jsonl", "jsonl", ""),
        Format::Csv => ("text/csv; charset=utf-8", "csv", csv::HEAD),
    };
    let rest = stream::try_unfold(export, async |mut export| {
        Ok::<_, Error>(export.next().await?.map(|batch| (batch, export)))
    });
    let begin = [Some(Bytes::from_static(head.as_bytes())), first].into_iter().flatten();
    // An empty piece is none: it would be an end to some.
    let body = stream::iter(begin.filter(|piece| !piece.is_empty()).map(Ok)).chain(rest);
    let name = format!("attachment; filename=\"audit-{organization}.{extension}\"");
    Ok(([(CONTENT_TYPE, content_type.to_owned()), (CONTENT_DISPOSITION, name)], Body::from_stream(body)))
}

/// An export on its way. Between two batches it holds no connection, however slowly it is read.
struct Export {
    issuer: Arc<Issuer>,
    actor: Actor,
    organization: OrganizationId,
    filter: AuditFilter,
    format: Format,
}

impl Export {
    /// The next events as text; `None` behind the last one. Whoever has lost the right to read them gets no more.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let (registry, order) = (self.issuer.registry(), AuditOrder::OldestFirst);
        let events = registry.audit_events(&self.actor, self.organization, &self.filter, order, BATCH).await?;
        let Some(last) = events.last() else { return Ok(None) };
        self.filter.after = last.sequence;
        let mut text = String::new();
        for event in events {
            self.write(event, &mut text)?;
        }
        Ok(Some(text.into()))
    }

    fn write(&self, event: AuditEvent, text: &mut String) -> Result<(), Error> {
        let event = EventView::from(event);
        match self.format {
            Format::Jsonl => {
                text.push_str(&serde_json::to_string(&event).map_err(Error::store)?);
                text.push('\n');
            }
            Format::Csv => csv::write(&event, text),
        }
        Ok(())
    }
}
