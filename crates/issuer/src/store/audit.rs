//! The audit's rows: added at the end, never changed.

use doorkey_core::{ErrorCode, OrganizationId};
use sqlx::any::AnyRow;

use super::row::{Columns, broken, to_array, to_i64};
use super::{Reader, Transaction};
use crate::audit::{Action, AuditActor, AuditEvent, AuditHead, Mac, Target};
use crate::error::Error;
use crate::vault::Vault;

const HEAD: &str = "audit_head";

/// Which events are wanted, the newest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditFilter {
    pub(crate) actor: Option<[u8; 16]>,
    pub(crate) target: Option<[u8; 16]>,
    pub(crate) action: Option<Action>,
    /// Unix seconds, included.
    pub(crate) since: Option<u64>,
    /// Unix seconds, excluded.
    pub(crate) until: Option<u64>,
    /// Only events with a smaller number.
    pub(crate) before: Option<u64>,
}

/// A statement that selects whole events.
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT sequence, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, action, \
             target_kind, target_id, refused, detail, request_id, address, mac FROM audit_events ",
            $rest
        )
    };
}

impl Transaction {
    /// Adds an event at the end. Its number is the next one, whatever it says.
    pub(crate) async fn append_event(&mut self, mut event: AuditEvent, vault: &Vault) -> Result<(), Error> {
        let head = self.audit_head().await?;
        event.sequence = head.sequence + 1;
        let detail = serde_json::to_string(&event.detail).map_err(Error::store)?;
        let mac = event.mac(&detail, &head.mac, vault);
        sqlx::query(
            "INSERT INTO audit_events (sequence, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, \
             action, target_kind, target_id, refused, detail, request_id, address, mac) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(to_i64(event.sequence))
        .bind(to_i64(event.at))
        .bind(event.organization.map(|id| id.as_bytes().to_vec()))
        .bind(event.workspace.map(|id| id.as_bytes().to_vec()))
        .bind(event.actor.kind())
        .bind(event.actor.id_bytes().map(|id| id.to_vec()))
        .bind(event.actor.name().to_owned())
        .bind(event.action.as_str())
        .bind(event.target.kind)
        .bind(event.target.id.map(|id| id.to_vec()))
        .bind(event.refused.map(ErrorCode::as_str))
        .bind(detail)
        .bind(event.request_id)
        .bind(event.address)
        .bind(mac.to_vec())
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        let head = AuditHead { sequence: event.sequence, mac };
        self.put_setting(HEAD, &head.to_string()).await
    }
}

impl Reader {
    /// The last event, as the store remembers it beside the events.
    pub(crate) async fn audit_head(&mut self) -> Result<AuditHead, Error> {
        let Some(text) = self.setting(HEAD).await? else { return Ok(AuditHead::default()) };
        text.parse().map_err(|error| broken(HEAD, &error))
    }

    /// Events with their MACs, after the one with the number `after`, in order.
    pub(crate) async fn events_after(&mut self, after: u64, limit: u32) -> Result<Vec<StoredEvent>, Error> {
        let rows = sqlx::query(select_events!("WHERE sequence > $1 ORDER BY sequence LIMIT $2"))
            .bind(to_i64(after))
            .bind(i64::from(limit))
            .fetch_all(self.connection())
            .await
            .map_err(Error::store)?;
        rows.iter().map(stored).collect()
    }

    /// The events of an organization that a filter lets through, the newest first.
    pub(crate) async fn events(
        &mut self,
        organization: OrganizationId,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, Error> {
        let bytes = |id: Option<[u8; 16]>| id.map_or_else(Vec::new, |id| id.to_vec());
        // An empty value stands for no filter: NULL would have no type in Postgres.
        let rows = sqlx::query(select_events!(
            "WHERE organization_id = $1 AND sequence < $2 AND at >= $3 AND at < $4 AND (LENGTH($5) = 0 OR actor_id = $5) \
             AND (LENGTH($6) = 0 OR target_id = $6) AND ($7 = '' OR action = $7) ORDER BY sequence DESC LIMIT $8"
        ))
        .bind(organization.as_bytes().to_vec())
        .bind(filter.before.map_or(i64::MAX, to_i64))
        .bind(filter.since.map_or(0, to_i64))
        .bind(filter.until.map_or(i64::MAX, to_i64))
        .bind(bytes(filter.actor))
        .bind(bytes(filter.target))
        .bind(filter.action.map_or("", Action::as_str))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(|row| event(row)?.ok_or_else(|| broken("action", &"not an event of this version"))).collect()
    }
}

/// An event as it is kept.
pub(crate) struct StoredEvent {
    pub(crate) sequence: u64,
    /// `None` for one that no version of this program has written so.
    pub(crate) event: Option<AuditEvent>,
    pub(crate) detail: String,
    pub(crate) mac: Option<Mac>,
}

fn stored(row: &AnyRow) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        sequence: row.number("sequence")?,
        event: event(row)?,
        detail: row.text("detail")?.to_owned(),
        mac: to_array(&row.bytes("mac")?).ok(),
    })
}

fn event(row: &AnyRow) -> Result<Option<AuditEvent>, Error> {
    let id =
        |column| Ok::<_, Error>(row.optional_bytes(column)?.map(|bytes| to_array(&bytes)).transpose().ok().flatten());
    let actor = AuditActor::from_parts(row.text("actor_kind")?, id("actor_id")?, row.text("actor_name")?.to_owned());
    let target = Target::from_parts(row.text("target_kind")?, id("target_id")?);
    let refused = row.optional_text("refused")?;
    let code = refused.as_deref().map(ErrorCode::parse);
    let (Some(actor), Some(target), Some(action), Ok(detail)) =
        (actor, target, Action::parse(row.text("action")?), serde_json::from_str(row.text("detail")?))
    else {
        return Ok(None);
    };
    if code == Some(None) {
        return Ok(None);
    }
    Ok(Some(AuditEvent {
        sequence: row.number("sequence")?,
        at: row.number("at")?,
        organization: id("organization_id")?.map(OrganizationId::from_bytes),
        workspace: id("workspace_id")?.map(doorkey_core::WorkspaceId::from_bytes),
        actor,
        action,
        target,
        refused: code.flatten(),
        detail,
        request_id: row.optional_text("request_id")?,
        address: row.optional_text("address")?,
    }))
}
