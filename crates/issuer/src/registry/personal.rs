//! Personal keys follow their owners: what an owner may no longer do, they cannot do either.

use doorkey_core::{MemberId, OrganizationId};
use serde_json::Map;

use super::{Change, Registry};
use crate::access::narrow;
use crate::audit::Action;
use crate::error::Error;
use crate::store::KeyRecord;

impl Registry {
    /// Brings the personal keys of a member in line with what the member may do now, in the same change. Where a member
    /// has no part any more, they are revoked, protected or not. Open invitations of the member's end, too.
    pub(super) async fn align_personal_keys(
        &self,
        change: &mut Change<'_>,
        organization: OrganizationId,
        person: MemberId,
    ) -> Result<(), Error> {
        // Invitations were made with rights that may be gone.
        change.transaction.delete_invitations_by(organization, person).await?;
        for mut key in change.transaction.personal_keys(organization, person).await? {
            let standing = self.standing_of(&mut change.transaction, person, organization, key.workspace).await?;
            let has_part = |standing: &crate::access::Standing| match key.workspace {
                Some(_) => standing.sees_workspace(),
                None => !standing.organization.scopes.is_empty(),
            };
            let Some(standing) = standing.filter(has_part) else {
                key.revoked_at = Some(change.now);
                follow(change, Action::RevokeKey, key).await?;
                continue;
            };
            let scopes = narrow(&key.scopes, &standing.all_scopes());
            if scopes != key.scopes {
                key.scopes = scopes;
                follow(change, Action::UpdateKey, key).await?;
            }
        }
        Ok(())
    }
}

async fn follow(change: &mut Change<'_>, action: Action, key: KeyRecord) -> Result<(), Error> {
    let mut detail = Map::new();
    detail.insert("name".into(), key.shown_name().into());
    detail.insert("scopes".into(), key.scopes.to_string().into());
    detail.insert("because".into(), "its owner's role changed or ended".into());
    let (id, workspace) = (key.id, key.workspace);
    change.write_key(key).await?;
    change.follows(action, id, workspace, detail).await
}
