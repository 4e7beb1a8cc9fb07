//! How a line of the directory looks, for the OpenAPI document: the lines themselves are the verifier's
//! [`DirectoryLine`](doorkey_verifier::DirectoryLine), and each that a test gets is held against this.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use crate::http::openapi::schemas;

/// One line of the directory.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it only describes")]
pub(super) enum DirectoryLine {
    /// What the others come on top of.
    Begin(DirectoryBegin),
    /// What holds for all keys.
    Settings(Box<DirectorySettings>),
    /// A key as it is now, whatever its state.
    Key(Box<DirectoryKey>),
    /// An organization as it is now.
    Organization(DirectoryOrganization),
    /// A workspace as it is now.
    Workspace(DirectoryWorkspace),
    /// Nothing is missing.
    Synced(DirectorySynced),
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectoryBegin {
    /// Names the history that revisions count in.
    history: String,
    /// The revision that the reader has already; 0 if it is to forget what it has.
    since: u64,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectorySettings {
    #[schema(value_type = schemas::Origin)]
    issuer: String,
    /// The public keys that tokens verify with.
    #[schema(value_type = schemas::JwkSet)]
    jwks: (),
    /// Scopes whose signed URLs may be used more than once.
    #[schema(value_type = Option<Vec<schemas::Scope>>)]
    reusable_urls: Option<Vec<String>>,
    /// The operator's own limits, where a key has no value of its own.
    limits: Option<BTreeMap<String, u64>>,
}

/// A key, and nothing that could sign in. What is left out is empty, without limit, never, or false.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectoryKey {
    #[schema(value_type = schemas::KeyId)]
    id: (),
    #[schema(value_type = schemas::KeyKind)]
    kind: (),
    #[schema(value_type = schemas::Environment)]
    environment: (),
    #[schema(value_type = schemas::OrganizationId)]
    organization: (),
    #[schema(value_type = Option<schemas::WorkspaceId>)]
    workspace: Option<()>,
    /// Of a key of an organization: the workspaces that it is for; left out for all.
    #[schema(value_type = Option<Vec<schemas::WorkspaceId>>)]
    workspaces: Option<Vec<()>>,
    /// The public half of a secret key, 32 bytes in base64url.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    public_key: Option<String>,
    /// What stands in front of its string; empty for nothing, left out where that is not known.
    #[schema(pattern = "^[a-z0-9]{0,16}$")]
    brand: Option<String>,
    /// Single scopes, with spaces between.
    scopes: String,
    #[schema(value_type = Option<Vec<schemas::OriginPattern>>)]
    origins: Option<Vec<()>>,
    #[schema(value_type = Option<Vec<schemas::Cidr>>)]
    cidrs: Option<Vec<()>>,
    #[schema(value_type = Option<schemas::RateLimit>)]
    rate_limit: Option<()>,
    monthly_quota: Option<u64>,
    limits: Option<BTreeMap<String, u64>>,
    #[schema(value_type = Option<Vec<schemas::Restriction>>)]
    shadow: Option<Vec<()>>,
    #[schema(value_type = Option<schemas::Timestamp>)]
    expires_at: Option<u64>,
    /// From when on it is revoked.
    #[schema(value_type = Option<schemas::Timestamp>)]
    ends_at: Option<u64>,
    disabled: Option<bool>,
    revoked: Option<bool>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectoryOrganization {
    #[schema(value_type = schemas::OrganizationId)]
    id: (),
    /// Whether none of its keys can be used.
    archived: bool,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectoryWorkspace {
    #[schema(value_type = schemas::WorkspaceId)]
    id: (),
    /// Whether none of its keys can be used.
    archived: bool,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct DirectorySynced {
    revision: u64,
    /// Milliseconds from when the issuer got the request until it looked.
    after_ms: u64,
}
