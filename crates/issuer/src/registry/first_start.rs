//! The first start: an organization, a workspace, a key pair and a signing key, or nothing of it.

use doorkey_core::{Environment, KeyKind, PublishableKey, SecretKey};

use super::{NewKey, Registry, new_id};
use crate::error::Error;
use crate::signing;
use crate::store::{Organization, Tenant, Workspace};
use crate::vault::Vault;

/// The key pair that a workspace has from its start, in the test environment.
#[derive(Debug)]
pub struct DefaultKeys {
    /// For pages on any loopback origin, with every scope for browsers.
    pub publishable: PublishableKey,
    /// For servers, with every scope.
    pub secret: SecretKey,
}

impl Registry {
    /// Makes what an empty store lacks, in one transaction, and notes the public URL. Of several at once, exactly one
    /// finds the store empty.
    pub(crate) async fn start(&self, vault: &Vault) -> Result<Option<DefaultKeys>, Error> {
        let mut transaction = self.store.begin().await?;
        let keys = if transaction.first_workspace().await?.is_some() {
            None
        } else {
            let created_at = self.clock.now();
            let organization = Organization { id: self.id(), name: "Default organization".into(), created_at };
            let workspace = Workspace {
                id: self.id(),
                organization: organization.id,
                name: "Default workspace".into(),
                created_at,
            };
            let tenant = Tenant { organization: organization.id, workspace: workspace.id };
            transaction.insert_organization(&organization).await?;
            transaction.insert_workspace(&workspace).await?;
            transaction.insert_signing_key(&signing::create(vault, &*self.entropy, created_at)?).await?;
            let new = |kind, name| NewKey::new(kind, Environment::Test).with_name(name).check(&self.settings);
            let (record, publishable) =
                self.make_publishable_key(&new(KeyKind::Publishable, "Default publishable key")?, tenant);
            transaction.insert_key(&record).await?;
            let (record, secret) = self.make_secret_key(&new(KeyKind::Secret, "Default secret key")?, tenant);
            transaction.insert_key(&record).await?;
            Some(DefaultKeys { publishable, secret })
        };
        transaction.put_public_url(self.settings.public_url()).await?;
        transaction.commit().await?;
        Ok(keys)
    }

    fn id<K>(&self) -> doorkey_core::Id<K> {
        new_id(&*self.clock, &*self.entropy)
    }
}
