//! The audit's rows: added at the end, never changed.

use doorkey_core::{ErrorCode, OrganizationId};
use sqlx::any::AnyRow;

use super::row::{Columns, broken, to_array, to_i64};
use super::{Reader, Transaction};
use crate::audit::{Action, AuditActor, AuditEvent, AuditHead, Mac, Target};
use crate::error::Error;
use crate::vault::Vault;

const HEAD: &str = "audit_head";

/// Which events are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditFilter {
    /// A member or a key.
    pub(crate) actor: Option<AuditId>,
    pub(crate) target: Option<AuditId>,
    pub(crate) action: Option<Action>,
    /// Unix seconds, included.
    pub(crate) since: Option<u64>,
    /// Unix seconds, excluded.
    pub(crate) until: Option<u64>,
    /// Only events with a smaller number.
    pub(crate) before: Option<u64>,
    /// Only events with a larger number.
    pub(crate) after: u64,
}

/// An id with its kind as the rows have it: ids of two kinds may have the same bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuditId {
    pub(crate) kind: &'static str,
    pub(crate) id: [u8; 16],
}

/// The order of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditOrder {
    OldestFirst,
    NewestFirst,
}

/// A statement that selects whole events.
macro_rules! select_events {
    ($($rest:expr),+) => {
        concat!(
            "SELECT sequence, at, organization_id, workspace_id, actor_kind, actor_id, actor_name, action, \
             target_kind, target_id, refused, detail, request_id, address, mac FROM audit_events ",
            $($rest),+
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

    /// Whether there are rows with numbers that no event can have.
    pub(crate) async fn has_events_before_the_first(&mut self) -> Result<bool, Error> {
        let row = sqlx::query("SELECT sequence FROM audit_events WHERE sequence < 1 LIMIT 1")
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(row.is_some())
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

    /// The events of an organization that a filter lets through.
    pub(crate) async fn events(
        &mut self,
        organization: OrganizationId,
        filter: &AuditFilter,
        order: AuditOrder,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, Error> {
        // An empty value stands for no filter: NULL would have no type in Postgres.
        macro_rules! matching {
            ($order:literal) => {
                select_events!(
                    "WHERE organization_id = $1 AND sequence < $2 AND sequence > $3 AND at >= $4 AND at < $5 \
                     AND ($6 = '' OR (actor_kind = $6 AND actor_id = $7)) \
                     AND ($8 = '' OR (target_kind = $8 AND target_id = $9)) \
                     AND ($10 = '' OR action = $10) ORDER BY sequence ",
                    $order,
                    " LIMIT $11"
                )
            };
        }
        let statement = match order {
            AuditOrder::OldestFirst => matching!("ASC"),
            AuditOrder::NewestFirst => matching!("DESC"),
        };
        let kind = |id: Option<AuditId>| id.map_or("", |id| id.kind);
        let bytes = |id: Option<AuditId>| id.map_or_else(Vec::new, |id| id.id.to_vec());
        let rows = sqlx::query(statement)
            .bind(organization.as_bytes().to_vec())
            .bind(filter.before.map_or(i64::MAX, to_i64))
            .bind(to_i64(filter.after))
            .bind(filter.since.map_or(0, to_i64))
            .bind(filter.until.map_or(i64::MAX, to_i64))
            .bind(kind(filter.actor))
            .bind(bytes(filter.actor))
            .bind(kind(filter.target))
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

/// `None` for a row that no version of this program has written so: what is read must say all that is there.
fn event(row: &AnyRow) -> Result<Option<AuditEvent>, Error> {
    let mut is_whole = true;
    let mut id = |column| {
        let bytes = row.optional_bytes(column)?;
        let id = bytes.as_ref().and_then(|bytes| to_array(bytes).ok());
        is_whole &= id.is_some() == bytes.is_some();
        Ok::<Option<[u8; 16]>, Error>(id)
    };
    let (organization, workspace) = (id("organization_id")?, id("workspace_id")?);
    let (actor, target) = (id("actor_id")?, id("target_id")?);
    let actor = AuditActor::from_parts(row.text("actor_kind")?, actor, row.text("actor_name")?.to_owned());
    let target = Target::from_parts(row.text("target_kind")?, target);
    let refused = row.optional_text("refused")?;
    let code = refused.as_deref().map(ErrorCode::parse);
    let (Some(actor), Some(target), Some(action), Ok(detail)) =
        (actor, target, Action::parse(row.text("action")?), serde_json::from_str(row.text("detail")?))
    else {
        return Ok(None);
    };
    if code == Some(None) || !is_whole {
        return Ok(None);
    }
    Ok(Some(AuditEvent {
        sequence: row.number("sequence")?,
        at: row.number("at")?,
        organization: organization.map(OrganizationId::from_bytes),
        workspace: workspace.map(doorkey_core::WorkspaceId::from_bytes),
        actor,
        action,
        target,
        refused: code.flatten(),
        detail,
        request_id: row.optional_text("request_id")?,
        address: row.optional_text("address")?,
    }))
}
