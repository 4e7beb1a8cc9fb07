use doorkey_core::KeyId;

use crate::access::Permission;
use crate::actor::Actor;
use crate::error::Error;
use crate::registry::{Registry, not_found};
use crate::store::{KeyCursor, KeyFilter, KeyRecord, Tenant};

impl Registry {
    /// One key. `not_found` for whom it is not there to see.
    pub(crate) async fn show_key(&self, actor: &Actor, key: KeyId) -> Result<KeyRecord, Error> {
        let mut reader = self.store.read().await?;
        let record = reader.key(key).await?.ok_or_else(not_found)?;
        let standing = self.standing(&mut reader, actor, record.organization, record.workspace).await?;
        if standing.permits(Permission::ReadKeys) { Ok(record) } else { Err(not_found()) }
    }

    /// One page of the keys of a workspace, or of an organization with all its workspaces.
    pub(crate) async fn list_keys(
        &self,
        actor: &Actor,
        tenant: Tenant,
        filter: &KeyFilter,
        after: Option<KeyCursor>,
        limit: u32,
    ) -> Result<Vec<KeyRecord>, Error> {
        let mut reader = self.store.read().await?;
        let standing = self.standing(&mut reader, actor, tenant.organization, tenant.workspace).await?;
        if tenant.workspace.is_some() && !standing.sees_workspace() {
            return Err(not_found());
        }
        standing.require(Permission::ReadKeys)?;
        reader.list_keys(tenant, filter, after, limit, self.clock().now()).await
    }
}
