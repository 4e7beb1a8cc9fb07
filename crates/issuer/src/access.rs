//! Roles and rights: who may do what in the registry, and how much a key of theirs may do.

mod role;

pub use role::{OrganizationRole, WorkspaceRole};

use std::collections::BTreeSet;

use doorkey_core::{ErrorCode, Scope, ScopeSet};

use crate::error::Error;
use crate::settings::Catalogue;

/// Declares [`Permission`] and its names.
macro_rules! permissions {
    ($(#[doc = $doc:literal] $variant:ident $name:literal)+) => {
        /// One thing that a member may do to the registry.
        ///
        /// Its name has the form of a scope, so that custom roles are sets of scopes; no key can ever have it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Permission {
            $(#[doc = $doc] $variant,)+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, `doorkey.keys:read` for one.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it permits, for people.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii(),)+ }
            }
        }
    };
}

permissions! {
    /// See keys.
    ReadKeys "doorkey.keys:read"
    /// Create, change, roll and revoke keys.
    WriteKeys "doorkey.keys:write"
    /// See members, roles and invitations.
    ReadMembers "doorkey.members:read"
    /// Invite and remove members, and change their roles.
    WriteMembers "doorkey.members:write"
    /// Create and change custom roles.
    WriteRoles "doorkey.roles:write"
    /// Create, rename and archive workspaces.
    WriteWorkspaces "doorkey.workspaces:write"
    /// Rename and archive the organization.
    WriteOrganization "doorkey.organization:write"
    /// See and export the audit.
    ReadAudit "doorkey.audit:read"
}

impl Permission {
    /// What stands in front of every permission's name, and of no scope of the operator's.
    pub const RESERVED: &'static str = "doorkey.";

    /// The permission that `scope` names.
    pub fn of(scope: &Scope) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == scope.as_str())
    }
}

/// What a role permits: to do in the registry, and to give to keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) scopes: ScopeSet,
}

impl Rights {
    /// Of whom nothing is withheld.
    pub(crate) fn all(catalogue: &Catalogue) -> Self {
        Self { permissions: Permission::ALL.iter().copied().collect(), scopes: catalogue.scopes() }
    }

    /// Of a role in an organization; `custom` are the scopes of a custom role.
    pub(crate) fn in_organization(role: OrganizationRole, custom: &ScopeSet, catalogue: &Catalogue) -> Self {
        match role {
            OrganizationRole::Admin => Self::all(catalogue),
            OrganizationRole::Member => {
                Self { permissions: BTreeSet::from([Permission::ReadMembers]), scopes: ScopeSet::empty() }
            }
            OrganizationRole::Custom(_) => Self::of_scopes(custom, catalogue),
        }
    }

    /// Of a role in a workspace, where keys are all that there is to manage.
    pub(crate) fn in_workspace(role: WorkspaceRole, custom: &ScopeSet, catalogue: &Catalogue) -> Self {
        let of_keys = [Permission::ReadKeys, Permission::WriteKeys];
        match role {
            WorkspaceRole::Editor => Self { permissions: BTreeSet::from(of_keys), scopes: catalogue.scopes() },
            WorkspaceRole::Viewer => {
                Self { permissions: BTreeSet::from([Permission::ReadKeys]), scopes: catalogue.viewer_scopes() }
            }
            WorkspaceRole::Custom(_) => {
                let mut rights = Self::of_scopes(custom, catalogue);
                rights.permissions.retain(|permission| of_keys.contains(permission));
                rights
            }
        }
    }

    /// Sorts the scopes of a custom role into permissions and scopes of the catalogue. What is in neither any more, the
    /// role does not give.
    pub(crate) fn of_scopes(scopes: &ScopeSet, catalogue: &Catalogue) -> Self {
        let permissions = scopes.iter().filter_map(Permission::of).collect();
        Self { permissions, scopes: catalogue.known(scopes) }
    }

    /// Whether all of this is permitted to whoever has `other`.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.permissions.is_subset(&other.permissions) && self.scopes.is_within(&other.scopes)
    }
}

/// Where somebody stands in an organization, and in one of its workspaces where it is about one.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) organization: Rights,
    /// What a role in the workspace adds; `None` without one.
    pub(crate) workspace: Option<Rights>,
}

impl Standing {
    /// Of whom nothing is withheld.
    pub(crate) fn of_operator(catalogue: &Catalogue) -> Self {
        Self { organization: Rights::all(catalogue), workspace: None }
    }

    pub(crate) fn permits(&self, permission: Permission) -> bool {
        self.organization.permissions.contains(&permission)
            || self.workspace.as_ref().is_some_and(|rights| rights.permissions.contains(&permission))
    }

    /// Refuses with `insufficient_scope` unless it is permitted.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Error> {
        if self.permits(permission) {
            return Ok(());
        }
        let detail = format!("this takes a role with {}", permission.as_str());
        Err(Error::new(ErrorCode::InsufficientScope, detail))
    }

    /// Whether there is anything here for this person: without that, the place is not even there for them.
    pub(crate) fn sees_workspace(&self) -> bool {
        self.workspace.is_some()
            || self.permits(Permission::ReadKeys)
            || self.permits(Permission::WriteKeys)
            || self.permits(Permission::WriteWorkspaces)
    }

    /// The scopes of the role that counts here: the one in the workspace, else the one in the organization.
    pub(crate) fn role_scopes(&self) -> &ScopeSet {
        &self.workspace.as_ref().unwrap_or(&self.organization).scopes
    }

    /// Every scope that this person has here, by either role.
    pub(crate) fn all_scopes(&self) -> ScopeSet {
        let workspace = self.workspace.iter().flat_map(|rights| rights.scopes.iter());
        self.organization.scopes.iter().chain(workspace).cloned().collect()
    }

    /// Everything that this person has here.
    pub(crate) fn rights(&self) -> Rights {
        let workspace = self.workspace.iter().flat_map(|rights| &rights.permissions);
        let permissions = self.organization.permissions.iter().chain(workspace).copied().collect();
        Rights { permissions, scopes: self.all_scopes() }
    }
}

/// What is left of `scopes` for somebody who has `allowed`, narrowed scopes of either side included.
pub(crate) fn narrow(scopes: &ScopeSet, allowed: &ScopeSet) -> ScopeSet {
    let kept = scopes.iter().filter(|scope| allowed.permits(scope));
    let narrowed = allowed.iter().filter(|scope| scopes.permits(scope));
    kept.chain(narrowed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use doorkey_core::ScopeSet;

    use super::{OrganizationRole, Permission, Rights, Standing, WorkspaceRole, narrow};
    use crate::settings::{Catalogue, SettingsFile};

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }

    fn catalogue() -> Catalogue {
        let scopes = "[[scopes]]\nname = \"pictures:read\"\n[[scopes]]\nname = \"pictures:write\"\n";
        SettingsFile::parse(&format!("{scopes}[[scopes]]\nname = \"albums:read\"")).unwrap().scopes
    }

    #[test]
    fn each_preset_has_its_rights() {
        let (catalogue, none) = (catalogue(), ScopeSet::empty());
        let organization = |role| Rights::in_organization(role, &none, &catalogue);
        let workspace = |role| Rights::in_workspace(role, &none, &catalogue);
        assert_eq!(organization(OrganizationRole::Admin), Rights::all(&catalogue));
        let member = organization(OrganizationRole::Member);
        assert_eq!((member.permissions.len(), member.scopes.is_empty()), (1, true));
        let editor = workspace(WorkspaceRole::Editor);
        assert!(editor.permissions.contains(&Permission::WriteKeys) && editor.permissions.len() == 2);
        assert_eq!(editor.scopes, catalogue.scopes());
        let viewer = workspace(WorkspaceRole::Viewer);
        assert_eq!(viewer.permissions, [Permission::ReadKeys].into());
        assert_eq!(viewer.scopes, set("albums:read pictures:read"));
        assert!(viewer.is_within(&editor) && !editor.is_within(&viewer));
    }

    #[test]
    fn a_custom_role_in_a_workspace_manages_keys_alone() {
        let role = WorkspaceRole::Custom(doorkey_core::RoleId::from_bytes([1; 16]));
        let custom = set("doorkey.keys:write doorkey.members:write pictures:read/a retired:read");
        let rights = Rights::in_workspace(role, &custom, &catalogue());
        assert_eq!((rights.permissions, rights.scopes), ([Permission::WriteKeys].into(), set("pictures:read/a")));
    }

    #[test]
    fn the_role_in_the_workspace_comes_first_and_either_permits() {
        let catalogue = catalogue();
        let viewer = Rights::in_workspace(WorkspaceRole::Viewer, &ScopeSet::empty(), &catalogue);
        let standing = Standing { workspace: Some(viewer), ..Standing::of_operator(&catalogue) };
        assert_eq!(standing.role_scopes(), &set("albums:read pictures:read"));
        assert_eq!(standing.all_scopes(), catalogue.scopes());
        assert!(standing.permits(Permission::WriteKeys));
    }

    #[test]
    fn narrowing_keeps_what_both_permit() {
        let narrowed = narrow(&set("a:read b:read/x c:read"), &set("a:read/y b:read d:read"));
        assert_eq!(narrowed, set("a:read/y b:read/x"));
    }

    #[test]
    fn every_permission_has_the_form_of_a_scope() {
        for permission in Permission::ALL {
            let scope = permission.as_str().parse().unwrap();
            assert_eq!(Permission::of(&scope), Some(*permission));
            assert!(permission.as_str().starts_with(Permission::RESERVED));
        }
    }
}
