//! The first start: an organization, a workspace, a key pair and a signing key, or nothing of it.

use doorkey_core::{Environment, KeyKind, OrganizationId, PublishableKey, ScopeSet, SecretKey};
use doorkey_verifier::random;

use super::keys::for_kind;
use super::{Change, CreatedKey, NewKey, Registry, terms};
use crate::actor::Actor;
use crate::audit::{Action, Target};
use crate::error::Error;
use crate::signing;
use crate::store::{Organization, Tenant, Workspace};

/// The key pair that a workspace has from its start, in the test environment.
#[derive(Debug)]
pub struct DefaultKeys {
    /// For pages on any loopback origin, with those of its creator's scopes that are for browsers.
    pub publishable: PublishableKey,
    /// For servers, with its creator's scopes.
    pub secret: SecretKey,
}

impl Registry {
    /// Makes what an empty store lacks, in one transaction, and notes the public URL. Of several at once, exactly one
    /// finds the store empty.
    pub(crate) async fn start(&self) -> Result<Option<DefaultKeys>, Error> {
        let actor = Actor::system();
        let mut change = self.change(&actor, Action::CreateOrganization, Target::new(OrganizationId::PREFIX)).await?;
        let done = self.start_in(&mut change).await;
        change.finish(done).await
    }

    async fn start_in(&self, change: &mut Change<'_>) -> Result<Option<DefaultKeys>, Error> {
        let keys = self.make_what_is_missing(change).await?;
        self.store.stir_marks(random(self.entropy()));
        change.transaction.name_history(|| self.new_history()).await?;
        Ok(keys)
    }

    async fn make_what_is_missing(&self, change: &mut Change<'_>) -> Result<Option<DefaultKeys>, Error> {
        change.transaction.put_public_url(change.settings.public_url()).await?;
        change.transaction.fold_old_names().await?;
        if change.transaction.first_workspace().await?.is_some() {
            change.has_nothing_to_do();
            return Ok(None);
        }
        let signing_key = signing::create(&self.vault, self.entropy(), change.now)?;
        change.transaction.insert_signing_key(&signing_key).await?;
        let organization = self.make_organization("Default organization", change).await?;
        change.is_done_to(organization.id);
        let scopes = change.settings.catalogue().scopes();
        let (_, keys) = self.make_workspace(organization.id, "Default workspace", &scopes, change).await?;
        Ok(Some(keys))
    }

    /// Writes a new organization.
    pub(super) async fn make_organization(&self, name: &str, change: &mut Change<'_>) -> Result<Organization, Error> {
        let organization = Organization {
            id: self.new_id(),
            name: name.to_owned(),
            created_at: change.now,
            archived_at: None,
            revision: 1,
        };
        change.transaction.insert_organization(&organization).await?;
        change.concerns(organization.id, None);
        Ok(organization)
    }

    /// Writes a new workspace with its pair of keys, which have those of the scopes that their kinds may have.
    pub(super) async fn make_workspace(
        &self,
        organization: OrganizationId,
        name: &str,
        scopes: &ScopeSet,
        change: &mut Change<'_>,
    ) -> Result<(Workspace, DefaultKeys), Error> {
        let workspace = Workspace {
            id: self.new_id(),
            organization,
            name: name.to_owned(),
            created_at: change.now,
            archived_at: None,
            revision: 1,
        };
        change.transaction.insert_workspace(&workspace).await?;
        change.concerns(organization, Some(workspace.id));
        let publishable = self.make_default_key(KeyKind::Publishable, &workspace, scopes, change).await?;
        let secret = self.make_default_key(KeyKind::Secret, &workspace, scopes, change).await?;
        match (publishable, secret) {
            (CreatedKey::Publishable { key: publishable, .. }, CreatedKey::Secret { key: secret, .. }) => {
                Ok((workspace, DefaultKeys { publishable, secret }))
            }
            _ => Err(Error::store("a new key is of another kind than was asked for")),
        }
    }

    /// Writes a key for testing.
    async fn make_default_key(
        &self,
        kind: KeyKind,
        workspace: &Workspace,
        scopes: &ScopeSet,
        change: &mut Change<'_>,
    ) -> Result<CreatedKey, Error> {
        let new = NewKey::new(kind, Environment::Test).with_name(format!("Default {} key", kind.as_str()));
        let tenant = Tenant { organization: workspace.organization, workspace: Some(workspace.id) };
        let mut record = self.make_record(&new, tenant, change)?;
        record.scopes = for_kind(scopes, kind, &change.settings);
        terms::check(&record, None, &change.settings, change.now)?;
        let created = self.complete(record);
        change.transaction.insert_key(created.record()).await?;
        let mut detail = serde_json::Map::new();
        detail.insert("name".into(), created.record().shown_name().into());
        change.follows(Action::CreateKey, created.record().id, Some(workspace.id), detail).await?;
        Ok(created)
    }
}
