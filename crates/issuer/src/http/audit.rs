//! `/v1/audit-events`: one file for each thing that can be asked.

mod csv;
mod export;
mod list;

use std::sync::Arc;

use doorkey_core::{ErrorCode, KeyId, MemberId, OrganizationId, WorkspaceId};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::schemas;
use crate::audit::{Action, AuditEvent, Target};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::store::{AuditFilter, AuditId};

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(export::export))
}

/// What was done, or refused.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(super) struct EventView {
    /// Larger for what came later; events of other organizations are counted too.
    sequence: u64,
    #[schema(value_type = schemas::Timestamp)]
    at: u64,
    #[schema(value_type = Option<schemas::OrganizationId>, required)]
    organization: Option<OrganizationId>,
    #[schema(value_type = Option<schemas::WorkspaceId>, required)]
    workspace: Option<WorkspaceId>,
    actor: ActorView,
    #[schema(value_type = schemas::Action)]
    action: &'static str,
    target: TargetView,
    outcome: Outcome,
    /// Why it was refused; `null` for what was done.
    #[schema(value_type = Option<schemas::ErrorCode>, required)]
    code: Option<&'static str>,
    /// What changed. Never a secret.
    #[schema(value_type = schemas::AnyObject)]
    detail: Map<String, Value>,
    /// The id under which the request is logged; `null` for what no request asked for.
    #[schema(required)]
    request_id: Option<String>,
    /// Where the request came from.
    #[schema(required)]
    address: Option<String>,
}

/// Who did it, or was refused.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorView {
    /// `member`, `key`, `operator` or `system`.
    kind: &'static str,
    /// Of a member or a key.
    #[schema(required)]
    id: Option<String>,
    /// At that time: a member's address, a key's name, or the kind.
    name: String,
}

/// What it was done to.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = AuditTarget)]
struct TargetView {
    /// `key`, `organization`, `workspace`, `member`, `role`, `invitation`, `sign_in` or `verifier`.
    kind: &'static str,
    /// `null` for what was not made.
    #[schema(required)]
    id: Option<String>,
}

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AuditOutcome)]
enum Outcome {
    Done,
    Refused,
}

impl From<AuditEvent> for EventView {
    fn from(event: AuditEvent) -> Self {
        Self {
            sequence: event.sequence,
            at: event.at,
            organization: event.organization,
            workspace: event.workspace,
            actor: ActorView { kind: event.actor.kind(), id: event.actor.id(), name: event.actor.name().to_owned() },
            action: event.action.as_str(),
            target: TargetView { kind: event.target.kind(), id: event.target.id() },
            outcome: if event.refused.is_some() { Outcome::Refused } else { Outcome::Done },
            code: event.refused.map(ErrorCode::as_str),
            detail: event.detail,
            request_id: event.request_id,
            address: event.address,
        }
    }
}

/// Reads the parameters that list and export have in common.
fn filter(
    actor: Option<&str>,
    target: Option<&str>,
    key: Option<KeyId>,
    action: Option<&str>,
    since: Option<u64>,
    until: Option<u64>,
) -> Result<AuditFilter, Error> {
    let actor =
        actor.map(|actor| parse_actor(actor).ok_or_else(|| Error::invalid("actor", "a member's or a key's id")));
    if target.is_some() && key.is_some() {
        return Err(Error::invalid("key", "either this or target"));
    }
    let target = target.map(str::to_owned).or_else(|| key.map(|key| key.to_string()));
    let target = target.map(|target| parse_target(&target).ok_or_else(|| Error::invalid("target", "an id")));
    let action =
        action.map(|action| Action::parse(action).ok_or_else(|| Error::invalid("action", "no action has this name")));
    Ok(AuditFilter {
        actor: actor.transpose()?,
        target: target.transpose()?,
        action: action.transpose()?,
        since,
        until,
        ..AuditFilter::default()
    })
}

fn parse_actor(text: &str) -> Option<AuditId> {
    let id = Target::parse(text)?;
    let kind = match id.kind {
        MemberId::PREFIX => "member",
        KeyId::PREFIX => "key",
        _ => return None,
    };
    Some(AuditId { kind, id: id.id? })
}

fn parse_target(text: &str) -> Option<AuditId> {
    let Target { kind, id } = Target::parse(text)?;
    Some(AuditId { kind, id: id? })
}
