use std::fmt;
use std::str::FromStr;

use doorkey_core::{ErrorCode, RoleId};

use crate::error::Error;

/// Declares a role with its presets; its text is a preset's name, or the id of a custom role.
macro_rules! roles {
    ($(#[$doc:meta])* $role:ident { $(#[doc = $preset_doc:literal] $preset:ident $name:literal)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $role {
            $(#[doc = $preset_doc] $preset,)+
            /// One of the organization's own, a set of scopes.
            Custom(RoleId),
        }

        impl $role {
            /// The presets' names.
            pub const PRESETS: &'static [&'static str] = &[$($name,)+];

            /// The presets.
            pub(crate) const ALL_PRESETS: &'static [Self] = &[$(Self::$preset,)+];

            /// What a preset permits, for people; of a custom role nothing is known here.
            pub(crate) fn description(self) -> &'static str {
                match self {
                    $(Self::$preset => $preset_doc.trim_ascii(),)+
                    Self::Custom(_) => "",
                }
            }

            /// The preset's name, or `custom`.
            pub(crate) fn kind(self) -> &'static str {
                match self {
                    $(Self::$preset => $name,)+
                    Self::Custom(_) => "custom",
                }
            }

            /// The custom role.
            pub(crate) fn custom(self) -> Option<RoleId> {
                match self {
                    Self::Custom(role) => Some(role),
                    _ => None,
                }
            }

            /// The opposite of the two above.
            pub(crate) fn from_parts(kind: &str, custom: Option<RoleId>) -> Option<Self> {
                match (kind, custom) {
                    $(($name, None) => Some(Self::$preset),)+
                    ("custom", Some(role)) => Some(Self::Custom(role)),
                    _ => None,
                }
            }
        }

        impl fmt::Display for $role {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Custom(role) => role.fmt(f),
                    preset => f.write_str(preset.kind()),
                }
            }
        }

        impl FromStr for $role {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                if let Some(preset) = Self::from_parts(text, None) {
                    return Ok(preset);
                }
                let expected = || format!("a role is {}, or the id of a custom role", Self::PRESETS.join(", "));
                text.parse().map(Self::Custom).map_err(|_| Error::new(ErrorCode::InvalidInput, expected()))
            }
        }

        impl serde::Serialize for $role {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $role {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

roles! {
    /// What a member may do in the whole organization.
    OrganizationRole {
        /// Everything, in every workspace.
        Admin "admin"
        /// To see who else is there; the rest comes with roles in workspaces.
        Member "member"
    }
}

roles! {
    /// What a member may do in one workspace.
    WorkspaceRole {
        /// Create and change keys, with every scope.
        Editor "editor"
        /// See keys.
        Viewer "viewer"
    }
}

#[cfg(test)]
mod tests {
    use super::{OrganizationRole, WorkspaceRole};

    #[test]
    fn a_role_reads_as_it_is_written() {
        for text in ["admin", "member", "rol_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(text.parse::<OrganizationRole>().unwrap().to_string(), text);
        }
        for text in ["editor", "", "custom", "Admin", "org_01h455vb4pex5vsknk084sn02q"] {
            assert!(text.parse::<OrganizationRole>().is_err(), "{text}");
        }
        assert_eq!("viewer".parse::<WorkspaceRole>().unwrap(), WorkspaceRole::Viewer);
        assert!("admin".parse::<WorkspaceRole>().is_err());
    }
}
