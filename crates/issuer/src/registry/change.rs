//! One change: everything that it reads and writes, and its line in the audit, together or not at all.

use std::sync::Arc;

use doorkey_core::{ErrorCode, Id, MemberId, OrganizationId, WorkspaceId, sha256};
use serde_json::{Map, Value};

use super::Registry;
use crate::access::{Rights, Standing};
use crate::actor::{Actor, Who};
use crate::audit::{Action, AuditActor, AuditEvent, Target};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::settings::Settings;
use crate::store::{Organization, Reader, Transaction, Workspace};

/// How long a password that was asked again counts, in seconds.
pub(super) const CONFIRMED_FOR: u64 = 300;

/// Refuses with `precondition_failed` the revision of a thing that is not as the caller last saw it.
pub(crate) type Expected<'a> = &'a (dyn Fn(u64) -> Result<(), Error> + Sync);

/// A change that somebody asks for. [`finish`](Self::finish) makes it last, or notes why it was refused.
pub(crate) struct Change<'a> {
    pub(crate) transaction: Transaction,
    pub(crate) settings: Arc<Settings>,
    pub(crate) actor: &'a Actor,
    /// Unix seconds, the same for all that the change writes.
    pub(crate) now: u64,
    registry: &'a Registry,
    event: AuditEvent,
    /// Whether there was nothing to do, so that the audit has nothing to say.
    is_idle: bool,
}

impl Registry {
    /// Begins a change; it waits for every other one.
    pub(crate) async fn change<'a>(
        &'a self,
        actor: &'a Actor,
        action: Action,
        target: Target,
    ) -> Result<Change<'a>, Error> {
        let transaction = self.store.begin().await?;
        let now = self.clock.now();
        let event = draft(actor, action, target, now);
        Ok(Change { transaction, settings: self.settings(), actor, now, registry: self, event, is_idle: false })
    }

    /// Where the actor stands in an organization, or in one of its workspaces. Where the actor has no part in it, it is
    /// `not_found`: strangers learn nothing of what there is.
    pub(crate) async fn standing(
        &self,
        reader: &mut Reader,
        actor: &Actor,
        organization: OrganizationId,
        workspace: Option<WorkspaceId>,
    ) -> Result<Standing, Error> {
        match &actor.who {
            Who::Operator | Who::System => Ok(Standing::of_operator(self.settings().catalogue())),
            Who::Key { .. } => Err(keys_cannot_manage_keys()),
            Who::Member(signed_in) => {
                self.standing_of(reader, signed_in.person, organization, workspace).await?.ok_or_else(not_found)
            }
        }
    }

    /// Where a person stands; `None` for one who does not belong to the organization.
    pub(crate) async fn standing_of(
        &self,
        reader: &mut Reader,
        person: MemberId,
        organization: OrganizationId,
        workspace: Option<WorkspaceId>,
    ) -> Result<Option<Standing>, Error> {
        let settings = self.settings();
        let catalogue = settings.catalogue();
        let Some(membership) = reader.membership(organization, person).await? else { return Ok(None) };
        let of_workspace = match workspace {
            Some(workspace) => reader.workspace_membership(workspace, person).await?,
            None => None,
        };
        Ok(Some(Standing {
            organization: Rights::in_organization(membership.role, &membership.custom_scopes, catalogue),
            workspace: of_workspace.map(|of| Rights::in_workspace(of.role, &of.custom_scopes, catalogue)),
        }))
    }
}

impl Change<'_> {
    /// Says which organization and workspace it is about, for the audit.
    pub(crate) fn concerns(&mut self, organization: OrganizationId, workspace: Option<WorkspaceId>) {
        self.event.organization = Some(organization);
        self.event.workspace = workspace;
    }

    /// Says what it is done to, once that has an id.
    pub(crate) fn is_done_to(&mut self, target: impl Into<Target>) {
        self.event.target = target.into();
    }

    /// Adds what changed to the line in the audit. Never a secret.
    pub(crate) fn note(&mut self, member: &str, value: impl Into<Value>) {
        self.event.detail.insert(member.to_owned(), value.into());
    }

    /// Says that everything is already as it shall be.
    pub(crate) fn has_nothing_to_do(&mut self) {
        self.is_idle = true;
    }

    /// Where the actor stands; see [`Registry::standing`].
    pub(crate) async fn standing(
        &mut self,
        organization: OrganizationId,
        workspace: Option<WorkspaceId>,
    ) -> Result<Standing, Error> {
        self.check_sign_in().await?;
        // Before it is known whether the actor has a part in it: who owns it wants to hear of strangers, too.
        self.concerns(organization, workspace);
        self.registry.standing(&mut self.transaction, self.actor, organization, workspace).await
    }

    /// Refuses with `sign_in_refused` when the sign-in has ended since the request began.
    pub(crate) async fn check_sign_in(&mut self) -> Result<(), Error> {
        let Some(signed_in) = self.actor.signed_in() else { return Ok(()) };
        if self.transaction.is_sign_in_live(signed_in.sign_in, self.now).await? {
            return Ok(());
        }
        Err(Error::new(ErrorCode::SignInRefused, "this sign-in has ended"))
    }

    /// An organization and where the actor stands in it.
    pub(crate) async fn organization(&mut self, id: OrganizationId) -> Result<(Organization, Standing), Error> {
        let organization = self.transaction.organization(id).await?.ok_or_else(not_found)?;
        let standing = self.standing(id, None).await?;
        Ok((organization, standing))
    }

    /// A workspace and where the actor stands in it; `not_found` for whom it has nothing.
    pub(crate) async fn workspace(&mut self, id: WorkspaceId) -> Result<(Workspace, Standing), Error> {
        let workspace = self.transaction.workspace(id).await?.ok_or_else(not_found)?;
        let standing = self.standing(workspace.organization, Some(id)).await?;
        if standing.sees_workspace() { Ok((workspace, standing)) } else { Err(not_found()) }
    }

    /// Refuses with `conflict` unless both the workspace and its organization are in use.
    pub(crate) async fn check_in_use(
        &mut self,
        organization: OrganizationId,
        workspace: Option<WorkspaceId>,
    ) -> Result<(), Error> {
        let of = self.transaction.organization(organization).await?.ok_or_else(not_found)?;
        let is_archived = of.archived_at.is_some()
            || match workspace {
                Some(id) => self.transaction.workspace(id).await?.ok_or_else(not_found)?.archived_at.is_some(),
                None => false,
            };
        if is_archived { Err(Error::new(ErrorCode::Conflict, "this is archived: unarchive it first")) } else { Ok(()) }
    }

    /// Refuses with `password_required` unless the password was asked again a short while ago.
    pub(crate) fn require_password(&self) -> Result<(), Error> {
        let Some(signed_in) = self.actor.signed_in() else { return Ok(()) };
        if signed_in.confirmed_at > 0 && self.now < signed_in.confirmed_at + CONFIRMED_FOR {
            return Ok(());
        }
        Err(Error::new(ErrorCode::PasswordRequired, "this takes the password again"))
    }

    /// What the same request came to before, if it was sent before. Another one under the same name is refused with
    /// `invalid_input`.
    pub(crate) async fn recall<K>(&mut self, idempotency: Option<&Idempotency>) -> Result<Option<Id<K>>, Error> {
        let (Some(idempotency), Some(person)) = (idempotency, self.actor.person()) else { return Ok(None) };
        let hash = sha256(idempotency.key.as_bytes());
        let Some(found) = self.transaction.idempotency_key(person, &hash).await? else { return Ok(None) };
        if found.fingerprint != idempotency.fingerprint {
            return Err(Error::invalid("Idempotency-Key", "was used for another request"));
        }
        self.is_idle = true;
        Ok(Some(Id::from_bytes(found.resource)))
    }

    /// Notes what the request came to, for [`recall`](Self::recall).
    pub(crate) async fn remember<K>(&mut self, idempotency: Option<&Idempotency>, made: Id<K>) -> Result<(), Error> {
        let (Some(idempotency), Some(person)) = (idempotency, self.actor.person()) else { return Ok(()) };
        let hash = sha256(idempotency.key.as_bytes());
        self.transaction
            .insert_idempotency_key(person, &hash, &idempotency.fingerprint, made.as_bytes(), self.now)
            .await
    }

    /// Adds a line to the audit for something that follows from the change.
    pub(crate) async fn follows(
        &mut self,
        action: Action,
        target: impl Into<Target>,
        workspace: Option<WorkspaceId>,
        detail: Map<String, Value>,
    ) -> Result<(), Error> {
        let event = AuditEvent { action, target: target.into(), workspace, detail, ..self.event.clone() };
        self.transaction.append_event(event, &self.registry.vault).await
    }

    /// Makes the change last, with its line in the audit; or, where it was refused, takes it back and notes the try.
    pub(crate) async fn finish<T>(mut self, done: Result<T, Error>) -> Result<T, Error> {
        let vault = &self.registry.vault;
        match done {
            Ok(done) => {
                if !self.is_idle {
                    self.transaction.append_event(self.event, vault).await?;
                }
                self.transaction.commit().await?;
                Ok(done)
            }
            Err(error) => {
                self.transaction.roll_back().await?;
                let is_noted = error.code().status() < 500
                    && self.actor.person().is_none_or(|person| self.registry.tries.may_note(person, self.now));
                if is_noted {
                    self.event.refused = Some(error.code());
                    self.event.detail = Map::new();
                    let mut transaction = self.registry.store.begin().await?;
                    transaction.append_event(self.event, vault).await?;
                    transaction.commit().await?;
                }
                Err(error)
            }
        }
    }
}

/// A line for the audit, without its number.
pub(super) fn draft(actor: &Actor, action: Action, target: Target, now: u64) -> AuditEvent {
    AuditEvent {
        sequence: 0,
        at: now,
        organization: None,
        workspace: None,
        actor: audit_actor(actor),
        action,
        target,
        refused: None,
        detail: Map::new(),
        request_id: actor.request.as_ref().map(|request| request.id.clone()),
        address: actor.request.as_ref().map(|request| request.address.to_string()),
    }
}

fn audit_actor(actor: &Actor) -> AuditActor {
    match &actor.who {
        Who::Member(signed_in) => AuditActor::Member { id: signed_in.person, email: signed_in.email.clone() },
        Who::Key { id, name } => AuditActor::Key { id: *id, name: name.clone() },
        Who::Operator => AuditActor::Operator,
        Who::System => AuditActor::System,
    }
}

/// The same for what is not there and for what is not the caller's to see.
pub(crate) fn not_found() -> Error {
    Error::new(ErrorCode::NotFound, "there is nothing with this id, or you have no part in it")
}

pub(crate) fn keys_cannot_manage_keys() -> Error {
    Error::new(ErrorCode::KeysCannotManageKeys, "managing takes a member who has signed in, not a key or a token")
}
