use doorkey_core::{ErrorCode, KeyId, KeyKind, ScopeSet, SecretKey, SigningKey};
use doorkey_verifier::random;
use zeroize::Zeroizing;

use super::super::terms;
use crate::access::{Permission, Standing};
use crate::actor::Actor;
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::idempotency::Idempotency;
use crate::registry::{Change, CreatedKey, KeyPlace, NewKey, Registry, ScopeChoice, not_found};
use crate::settings::Settings;
use crate::store::{KeyOwner, KeyRecord, Tenant};

impl Registry {
    /// Creates a key.
    ///
    /// Fails with `invalid_input` and the wrong members, with `exceeds_creator`, with `conflict` when its workspace has
    /// as many active keys as it may have or is archived, with `not_found`, with `insufficient_scope` and with
    /// `store_unavailable`.
    pub async fn create_key(&self, actor: &Actor, new: NewKey) -> Result<CreatedKey, Error> {
        self.create_key_once(actor, new, None).await
    }

    /// The same; what is sent again under the same name was done already.
    pub(crate) async fn create_key_once(
        &self,
        actor: &Actor,
        new: NewKey,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedKey, Error> {
        let mut change = self.change(actor, Action::CreateKey, Target::new(KeyId::PREFIX)).await?;
        let done = self.create_key_in(&mut change, new, idempotency).await;
        change.finish(done).await
    }
}

impl Registry {
    async fn create_key_in(
        &self,
        change: &mut Change<'_>,
        new: NewKey,
        idempotency: Option<&Idempotency>,
    ) -> Result<CreatedKey, Error> {
        if let Some(id) = change.recall(idempotency).await? {
            let (record, _) = change.key_to_change(id).await?;
            return Ok(CreatedKey::Again { record });
        }
        let (tenant, standing) = change.place_for_key(&new.place).await?;
        standing.require(Permission::WriteKeys)?;
        change.check_in_use(tenant.organization, tenant.workspace).await?;
        let mut record = self.make_record(&new, tenant, change)?;
        record.scopes = choose_scopes(&new.scopes, new.kind, &standing, &change.settings);
        terms::check(&record, None, &change.settings, change.now)?;
        check_within(&record.scopes, &standing)?;
        change.check_key_limit(tenant).await?;
        let created = self.complete(record);
        change.transaction.insert_key(created.record()).await?;
        change.remember(idempotency, created.record().id).await?;
        change.is_done_to(created.record().id);
        change.note_key(created.record());
        Ok(created)
    }

    /// The record of a key as it is asked for, without scopes and without the key itself.
    pub(in crate::registry) fn make_record(
        &self,
        new: &NewKey,
        tenant: Tenant,
        change: &Change<'_>,
    ) -> Result<KeyRecord, Error> {
        let owner = match (new.is_personal, change.actor.person()) {
            (false, _) => KeyOwner::Service,
            (true, Some(person)) => KeyOwner::Personal(person),
            (true, None) => return Err(Error::invalid("owner", "a personal key is a member's own")),
        };
        let workspaces = match &new.place {
            KeyPlace::Organization(_, workspaces) => workspaces.clone(),
            KeyPlace::First | KeyPlace::Workspace(_) => None,
        };
        let defaults = change.settings.keys();
        let in_days = |days: Option<u32>| days.map(|days| change.now + u64::from(days) * 86_400);
        let mut origins = new.origins.clone();
        origins.sort();
        origins.dedup();
        Ok(KeyRecord {
            id: self.new_id(),
            organization: tenant.organization,
            workspace: tenant.workspace,
            workspaces,
            kind: new.kind,
            environment: new.environment,
            brand: Some(change.settings.brand().cloned()),
            owner,
            name: new.name.clone(),
            description: new.description.clone(),
            metadata: new.metadata.clone(),
            public_key: None,
            last_four: None,
            scopes: ScopeSet::empty(),
            origins,
            cidrs: new.cidrs.clone(),
            rate_limit: new.rate_limit.unwrap_or(defaults.rate_limit),
            monthly_quota: new.monthly_quota.unwrap_or(defaults.monthly_quota),
            limits: new.limits.clone(),
            shadow: new.shadow.clone(),
            shadow_refusals: 0,
            session_lifetime: new.session_lifetime,
            created_by: change.actor.person(),
            created_at: change.now,
            expires_at: new.expires_at.unwrap_or_else(|| in_days(defaults.lifetime_days)),
            rotation_due_at: new.rotation_due_at.unwrap_or_else(|| in_days(defaults.rotation_days)),
            last_used_at: None,
            disabled_at: None,
            protected_at: new.is_protected.then_some(change.now),
            revoked_at: None,
            leaked_at: None,
            rolled_from: None,
            rolled_to: None,
            ends_at: None,
            ends_on_use: false,
            archived_at: None,
            revision: 1,
            requires_grant: new.requires_grant,
        })
    }

    /// Makes the key itself; of a secret one the record gets the public half. Nothing is written.
    pub(crate) fn complete(&self, mut record: KeyRecord) -> CreatedKey {
        if record.kind == KeyKind::Publishable {
            let key = self.name_publicly(&record);
            return CreatedKey::Publishable { record, key };
        }
        let seed = Zeroizing::new(random(self.entropy()));
        let brand = record.brand.clone().flatten();
        let key = SecretKey::new(record.id, record.environment, SigningKey::from_seed(&seed)).with_brand(brand);
        record.public_key = Some(*key.signing_key().verifying_key().as_bytes());
        record.last_four = Some(key.last_four());
        CreatedKey::Secret { record, key }
    }
}

impl Change<'_> {
    /// Where a new key shall be, and where the actor stands there.
    async fn place_for_key(&mut self, place: &KeyPlace) -> Result<(Tenant, Standing), Error> {
        let id = match place {
            KeyPlace::Organization(organization, workspaces) => {
                let (_, standing) = self.organization(*organization).await?;
                standing.require(Permission::WriteKeys)?;
                self.check_workspaces(*organization, workspaces.as_deref()).await?;
                return Ok((Tenant { organization: *organization, workspace: None }, standing));
            }
            KeyPlace::Workspace(workspace) => *workspace,
            KeyPlace::First => self.transaction.first_workspace().await?.ok_or_else(not_found)?.id,
        };
        let (workspace, standing) = self.workspace(id).await?;
        Ok((Tenant { organization: workspace.organization, workspace: Some(id) }, standing))
    }

    /// Refuses what are not different workspaces of the organization, or none.
    pub(super) async fn check_workspaces(
        &mut self,
        organization: doorkey_core::OrganizationId,
        workspaces: Option<&[doorkey_core::WorkspaceId]>,
    ) -> Result<(), Error> {
        let Some(workspaces) = workspaces else { return Ok(()) };
        if workspaces.is_empty() || workspaces.len() > MAX_WORKSPACES {
            return Err(Error::invalid("workspaces", "1 to 100 of them, or null for all"));
        }
        for (i, id) in workspaces.iter().enumerate() {
            let found = self.transaction.workspace(*id).await?;
            if found.is_none_or(|found| found.organization != organization) || workspaces[..i].contains(id) {
                return Err(Error::invalid(
                    "workspaces",
                    format!("{id} is no workspace of the organization, or twice"),
                ));
            }
        }
        Ok(())
    }

    /// Refuses with `conflict` when the place has as many active keys as it may have.
    pub(super) async fn check_key_limit(&mut self, tenant: Tenant) -> Result<(), Error> {
        let limit = self.settings.workspace_keys();
        if self.transaction.count_keys(tenant, self.now).await? < u64::from(limit) {
            return Ok(());
        }
        let place = if tenant.workspace.is_some() { "workspace" } else { "organization" };
        let detail = format!(
            "the {place} has {limit} active keys already: revoke one, or have the operator raise per_workspace under [keys] \
             in doorkey.toml"
        );
        Err(Error::new(ErrorCode::Conflict, detail))
    }

    /// Writes down what a key may do and where.
    pub(super) fn note_key(&mut self, key: &KeyRecord) {
        self.note("name", key.shown_name());
        self.note("kind", key.kind.as_str());
        self.note("environment", key.environment.as_str());
        self.note("scopes", key.scopes.to_string());
        if key.kind == KeyKind::Publishable {
            let origins: Vec<_> = key.origins.iter().map(doorkey_core::OriginPattern::as_str).collect();
            self.note("origins", origins.join(" "));
        }
    }
}

/// Most workspaces that a key of an organization can be narrowed to.
const MAX_WORKSPACES: usize = 100;

/// Expands a choice into single scopes: what is added to a role or to the catalogue later is not in them.
fn choose_scopes(choice: &ScopeChoice, kind: KeyKind, standing: &Standing, settings: &Settings) -> ScopeSet {
    let scopes = match choice {
        ScopeChoice::Exactly(scopes) => return scopes.clone(),
        ScopeChoice::Role => standing.role_scopes().clone(),
        ScopeChoice::Creator => standing.all_scopes(),
    };
    for_kind(&scopes, kind, settings)
}

/// Those scopes that a key of this kind may have.
pub(in crate::registry) fn for_kind(scopes: &ScopeSet, kind: KeyKind, settings: &Settings) -> ScopeSet {
    let may_have = |scope: &doorkey_core::Scope| {
        settings.catalogue().find(scope).is_some_and(|entry| entry.browser || kind == KeyKind::Secret)
    };
    scopes.iter().filter(|scope| may_have(scope)).cloned().collect()
}

/// Refuses with `exceeds_creator` scopes that the actor does not have.
pub(super) fn check_within(scopes: &ScopeSet, standing: &Standing) -> Result<(), Error> {
    let own = standing.all_scopes();
    match scopes.iter().find(|scope| !own.permits(scope)) {
        None => Ok(()),
        Some(scope) => Err(Error::new(ErrorCode::ExceedsCreator, format!("you do not have {scope} yourself"))),
    }
}
