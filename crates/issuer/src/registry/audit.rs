//! Reading the audit, and proving that it is as it was written.

use doorkey_core::OrganizationId;

use super::Registry;
use crate::access::Permission;
use crate::actor::Actor;
use crate::audit::{AuditEvent, AuditFault, AuditHead};
use crate::error::Error;
use crate::store::{AuditFilter, StoredEvent};

/// Events that are read at once.
const BATCH: u32 = 1000;

impl Registry {
    /// Events of an organization, the newest first.
    pub(crate) async fn audit_events(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        standing.require(Permission::ReadAudit)?;
        reader.events(organization, filter, limit).await
    }

    /// Checks every event against the one before it, and the last against what the store remembers of it. Yields the
    /// last one, or the first that was changed, removed or put elsewhere.
    ///
    /// An end that was cut off together with what the store remembers shows only in comparison with a head that was
    /// noted elsewhere: pass that as `expected`.
    pub async fn verify_audit(&self, expected: Option<AuditHead>) -> Result<Result<AuditHead, AuditFault>, Error> {
        let mut reader = self.store.read().await?;
        // First of all: what is appended meanwhile is newer than this.
        let remembered = reader.audit_head().await?;
        let mut head = AuditHead::default();
        let mut is_expected = expected.is_none_or(|expected| expected == head);
        while head.sequence < remembered.sequence {
            let events = reader.events_after(head.sequence, BATCH).await?;
            let Some(last) = events.last().map(|event| event.sequence) else { break };
            for stored in events.iter().filter(|stored| stored.sequence <= remembered.sequence) {
                match self.verify_event(stored, head) {
                    Ok(next) => head = next,
                    Err(fault) => return Ok(Err(fault)),
                }
                is_expected |= expected == Some(head);
            }
            if last > remembered.sequence {
                break;
            }
        }
        if head != remembered {
            return Ok(Err(AuditFault { sequence: head.sequence + 1, detail: "removed from the end" }));
        }
        // Behind the remembered end there may be what was appended since, and nothing else.
        if let Some(expected) = expected.filter(|_| !is_expected) {
            return Ok(Err(AuditFault { sequence: expected.sequence, detail: "not the event that was noted" }));
        }
        Ok(Ok(head))
    }

    fn verify_event(&self, stored: &StoredEvent, head: AuditHead) -> Result<AuditHead, AuditFault> {
        let next = head.sequence + 1;
        if stored.sequence != next {
            return Err(AuditFault { sequence: next, detail: "removed" });
        }
        let changed = AuditFault { sequence: next, detail: "changed, or put in another place" };
        let event = stored.event.as_ref().ok_or(changed.clone())?;
        let mac = event.mac(&stored.detail, &head.mac, &self.vault);
        if stored.mac == Some(mac) { Ok(AuditHead { sequence: next, mac }) } else { Err(changed) }
    }
}
