//! What the issuer tells verifiers: lines of JSON, the same over the wire and in a verifier's copy on disk.

use std::collections::{BTreeMap, BTreeSet};

use doorkey_core::{
    Brand, Environment, KeyId, KeyKind, OrganizationId, Origin, OriginPattern, Scope, ScopeSet, WorkspaceId,
    parse_base64url_array, to_base64url,
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limit::{RateLimit, Restriction};

/// One line: `{"key":{…}}`. A line of a kind, or with a member, that is not known is an error: what it restricts would
/// otherwise be passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DirectoryLine {
    /// The first line: what the others come on top of.
    Begin(DirectoryBegin),
    /// What holds for all keys.
    Settings(Box<DirectorySettings>),
    /// A key as it is now.
    Key(Box<DirectoryKey>),
    /// An organization as it is now.
    Organization(DirectoryTenant<OrganizationId>),
    /// A workspace as it is now.
    Workspace(DirectoryTenant<WorkspaceId>),
    /// Nothing is missing up to here.
    Synced(DirectorySynced),
}

/// What the lines that follow come on top of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryBegin {
    /// Names the history that revisions count in; another one means another database.
    pub history: String,
    /// The revision that the reader has already; 0 if it is to forget what it has.
    pub since: u64,
}

/// What holds for all keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySettings {
    /// The issuer's URL.
    pub issuer: Origin,
    /// The public keys that tokens verify with, as a JWKS.
    pub jwks: serde_json::Value,
    /// Permissions whose signed URLs may be used more than once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reusable_urls: BTreeSet<Scope>,
    /// The operator's own limits, where a key has no value of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
}

/// A key: what verifiers need of it, and nothing that could sign in. Times are in Unix seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryKey {
    /// The key.
    pub id: KeyId,
    /// Publishable or secret.
    pub kind: KeyKind,
    /// Live or test.
    pub environment: Environment,
    /// The organization that it belongs to.
    pub organization: OrganizationId,
    /// The workspace that it belongs to, unless it belongs to the organization itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// Of a key of an organization: the workspaces that it is for; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<Vec<WorkspaceId>>,
    /// The public half of a secret key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// What stands in front of its string; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "brand")]
    pub brand: Option<Option<Brand>>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The origins whose pages may use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<OriginPattern>,
    /// The networks that it may be used from; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<IpNet>,
    /// How often it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How many requests it may be used for in a calendar month (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_quota: Option<u64>,
    /// The operator's own limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
    /// The restrictions that refuse nothing and count what they would have refused.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shadow: BTreeSet<Restriction>,
    /// From when on it cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// From when on it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<u64>,
    /// Whether it is disabled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Whether it is revoked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub revoked: bool,
}

/// An organization or a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryTenant<I> {
    /// Which.
    pub id: I,
    /// Whether it is archived, so that none of its keys can be used.
    pub archived: bool,
}

/// Nothing is missing up to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySynced {
    /// The revision.
    pub revision: u64,
    /// When that was so: milliseconds from when the issuer got the request until it looked. By the asker's own clock it
    /// was so no earlier than this long after it had asked, however long the answer took.
    pub after_ms: u64,
}

/// The 32 bytes of a public key, as base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_base64url(&self.0))
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = parse_base64url_array(&text);
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("a public key is 43 characters of base64url"))
    }
}

/// A brand, or an empty text for none.
mod brand {
    use doorkey_core::Brand;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the member by reference")]
    pub(super) fn serialize<S: Serializer>(brand: &Option<Option<Brand>>, serializer: S) -> Result<S::Ok, S::Error> {
        let text = brand.as_ref().and_then(Option::as_ref).map_or("", Brand::as_str);
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Brand>>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let brand = (!text.is_empty()).then(|| text.parse().map_err(serde::de::Error::custom)).transpose()?;
        Ok(Some(brand))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the member by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
