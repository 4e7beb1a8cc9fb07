use std::fmt;

/// Declares [`Action`] and its names.
macro_rules! actions {
    ($($variant:ident $name:literal)+) => {
        /// What was done, or tried.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names say it")]
        #[non_exhaustive]
        pub enum Action {
            $($variant,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name, `key.create` for one.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

actions! {
    CreateOrganization "organization.create"
    UpdateOrganization "organization.update"
    ArchiveOrganization "organization.archive"
    UnarchiveOrganization "organization.unarchive"
    CreateWorkspace "workspace.create"
    UpdateWorkspace "workspace.update"
    ArchiveWorkspace "workspace.archive"
    UnarchiveWorkspace "workspace.unarchive"
    UpdateMember "member.update"
    RemoveMember "member.remove"
    SetWorkspaceRole "workspace_member.set"
    RemoveWorkspaceRole "workspace_member.remove"
    CreateRole "role.create"
    UpdateRole "role.update"
    DeleteRole "role.delete"
    CreateInvitation "invitation.create"
    RevokeInvitation "invitation.revoke"
    AcceptInvitation "invitation.accept"
    SetUp "person.set_up"
    UpdatePerson "person.update"
    ChangePassword "person.change_password"
    RecoverPerson "person.recover"
    SignIn "sign_in.create"
    EndSignIn "sign_in.end"
    ConfirmPassword "sign_in.confirm"
    CreateKey "key.create"
    UpdateKey "key.update"
    RollKey "key.roll"
    RevokeKey "key.revoke"
    DisableKey "key.disable"
    EnableKey "key.enable"
    ProtectKey "key.protect"
    UnprotectKey "key.unprotect"
    ConvertKey "key.convert"
    EndKey "key.end"
    ExpireKey "key.expire"
    LeakKey "key.leak"
    ManageWithKey "key.manage"
    AddVerifier "verifier.add"
    RevokeVerifier "verifier.revoke"
}

impl Action {
    /// Finds an action by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
