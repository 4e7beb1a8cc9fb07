//! Reading the audit, and proving that it is as it was written.

use doorkey_core::OrganizationId;

use super::Registry;
use crate::access::Permission;
use crate::actor::Actor;
use crate::audit::{AuditEvent, AuditFault, AuditHead};
use crate::error::Error;
use crate::store::{AuditFilter, AuditOrder, StoredEvent};

/// Events that are read at once.
const BATCH: u32 = 1000;

impl Registry {
    /// Events of an organization.
    ///
    /// Fails with `insufficient_scope` and `not_found`.
    pub(crate) async fn audit_events(
        &self,
        actor: &Actor,
        organization: OrganizationId,
        filter: &AuditFilter,
        order: AuditOrder,
        limit: u32,
    ) -> Result<Vec<AuditEvent>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, organization, None).await?;
        standing.require(Permission::ReadAudit)?;
        reader.events(organization, filter, order, limit).await
    }

    /// The number of the last event of all.
    pub(crate) async fn last_audit_event(&self) -> Result<u64, Error> {
        Ok(self.store.read().await?.audit_head().await?.sequence)
    }

    /// Checks every event against the one before it, and the last against what the store remembers of it. Yields the
    /// last one, or the first that was changed, removed, added or put elsewhere.
    ///
    /// An end that was cut off together with what the store remembers shows only in comparison with a head that was
    /// noted elsewhere: pass that as `expected`.
    pub async fn verify_audit(&self, expected: Option<AuditHead>) -> Result<Result<AuditHead, AuditFault>, Error> {
        let mut reader = self.store.read().await?;
        if reader.has_events_before_the_first().await? {
            return Ok(Err(AuditFault { sequence: 0, detail: "put before the first" }));
        }
        // First of all: what is appended meanwhile is newer than this.
        let remembered = reader.audit_head().await?;
        let mut head = AuditHead::default();
        let (mut is_remembered, mut is_expected) =
            (remembered == head, expected.is_none_or(|expected| expected == head));
        loop {
            let events = reader.events_after(head.sequence, BATCH).await?;
            if events.is_empty() {
                break;
            }
            for stored in &events {
                match self.verify_event(stored, head) {
                    Ok(next) => head = next,
                    Err(fault) => return Ok(Err(fault)),
                }
                is_remembered |= remembered == head;
                is_expected |= expected == Some(head);
            }
        }
        if head.sequence < remembered.sequence {
            return Ok(Err(AuditFault { sequence: head.sequence + 1, detail: "removed from the end" }));
        }
        // An event and the memory of it are written together, so that by now the store remembers all that was found.
        let last = reader.audit_head().await?;
        if !is_remembered || last.sequence < head.sequence {
            let sequence = remembered.sequence.min(last.sequence);
            return Ok(Err(AuditFault { sequence, detail: "not the end that the store remembers" }));
        }
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
