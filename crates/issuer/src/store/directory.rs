//! What verifiers follow: every key, tenant and verifier in the order of its last change.

use doorkey_core::{KeyId, OrganizationId, VerifierId, WorkspaceId};
use doorkey_verifier::{DirectoryKey, DirectoryLine, DirectoryTenant, PublicKey, RateLimit};
use sqlx::any::AnyRow;

use super::keys::{brand, kind};
use super::row::{Columns, NEVER, broken, to_array, to_i64, to_u64};
use super::{Reader, Transaction};
use crate::error::Error;

/// Names the history that revisions count in.
pub(super) const HISTORY: &str = "directory_history";

/// What a change is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entity {
    Organization(OrganizationId),
    Workspace(WorkspaceId),
    Key(KeyId),
    Verifier(VerifierId),
}

impl Entity {
    fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::Workspace(_) => "workspace",
            Self::Key(_) => "key",
            Self::Verifier(_) => "verifier",
        }
    }

    fn id(self) -> Vec<u8> {
        match self {
            Self::Organization(id) => id.as_bytes().to_vec(),
            Self::Workspace(id) => id.as_bytes().to_vec(),
            Self::Key(id) => id.as_bytes().to_vec(),
            Self::Verifier(id) => id.as_bytes().to_vec(),
        }
    }
}

/// A thing as it is since a revision.
#[derive(Debug)]
pub(crate) struct DirectoryChange {
    pub(crate) revision: u64,
    pub(crate) what: Changed,
}

#[derive(Debug)]
pub(crate) enum Changed {
    /// What verifiers hear of.
    Line(DirectoryLine),
    /// What they do not: another verifier, or they themselves.
    Verifier { id: VerifierId, is_revoked: bool },
}

impl Transaction {
    /// Notes that something changed. Every statement that changes what verifiers go by is followed by it, in the same
    /// function.
    pub(super) async fn note_change(&mut self, entity: Entity) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO directory (revision, kind, entity_id) \
             VALUES ((SELECT COALESCE(MAX(revision), 0) + 1 FROM directory), $1, $2) \
             ON CONFLICT (kind, entity_id) DO UPDATE SET revision = excluded.revision",
        )
        .bind(entity.kind())
        .bind(entity.id())
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        self.changes_directory = true;
        Ok(())
    }

    /// Names the history, unless it has a name.
    pub(crate) async fn name_history(&mut self, make: impl FnOnce() -> String) -> Result<(), Error> {
        if self.history().await?.is_some() {
            return Ok(());
        }
        self.put_setting(HISTORY, &make()).await
    }
}

impl Reader {
    /// The name of the history; `None` before an issuer has run.
    pub(crate) async fn history(&mut self) -> Result<Option<String>, Error> {
        self.setting(HISTORY).await
    }

    /// The revision of the last change.
    pub(crate) async fn newest_revision(&mut self) -> Result<u64, Error> {
        sqlx::query_scalar("SELECT COALESCE(MAX(revision), 0) FROM directory")
            .fetch_one(self.connection())
            .await
            .map(to_u64)
            .map_err(Error::store)
    }

    /// What has changed after a revision, in order, at most `limit` of it.
    ///
    /// It is one statement, so it sees one moment: a thing that is changed meanwhile is in it as it was before, or
    /// comes later, and is never passed over.
    pub(crate) async fn changes_after(&mut self, since: u64, limit: u32) -> Result<Vec<DirectoryChange>, Error> {
        let rows = sqlx::query(
            "SELECT d.revision, d.kind AS entity, d.entity_id, \
             COALESCE(o.archived_at, w.archived_at) AS archived_at, v.revoked_at AS verifier_revoked_at, \
             k.organization_id, k.workspace_id, k.workspaces, k.kind, k.environment, k.brand, k.public_key, k.scopes, \
             k.origins, k.cidrs, k.rate_limit_requests, k.rate_limit_period, k.monthly_quota, k.limits, k.shadow, \
             k.expires_at, k.ends_at, k.disabled_at, k.revoked_at \
             FROM directory d \
             LEFT JOIN keys k ON d.kind = 'key' AND k.id = d.entity_id \
             LEFT JOIN organizations o ON d.kind = 'organization' AND o.id = d.entity_id \
             LEFT JOIN workspaces w ON d.kind = 'workspace' AND w.id = d.entity_id \
             LEFT JOIN verifiers v ON d.kind = 'verifier' AND v.id = d.entity_id \
             WHERE d.revision > $1 ORDER BY d.revision LIMIT $2",
        )
        .bind(to_i64(since))
        .bind(i64::from(limit))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(change).collect()
    }
}

fn change(row: &AnyRow) -> Result<DirectoryChange, Error> {
    let archived = row.optional_number("archived_at")?.is_some();
    let what = match row.text("entity")? {
        "organization" => {
            Changed::Line(DirectoryLine::Organization(DirectoryTenant { id: row.id("entity_id")?, archived }))
        }
        "workspace" => Changed::Line(DirectoryLine::Workspace(DirectoryTenant { id: row.id("entity_id")?, archived })),
        "key" => Changed::Line(DirectoryLine::Key(Box::new(key(row)?))),
        "verifier" => Changed::Verifier {
            id: row.id("entity_id")?,
            is_revoked: row.optional_number("verifier_revoked_at")?.is_some(),
        },
        _ => return Err(broken("kind", &"not a kind of thing of this version")),
    };
    Ok(DirectoryChange { revision: row.number("revision")?, what })
}

fn key(row: &AnyRow) -> Result<DirectoryKey, Error> {
    let requests = row.optional_number("rate_limit_requests")?;
    let period = row.optional_number("rate_limit_period")?;
    Ok(DirectoryKey {
        id: row.id("entity_id")?,
        kind: kind(row)?,
        environment: row.parsed("environment")?,
        organization: row.id("organization_id")?,
        workspace: row.optional_id("workspace_id")?,
        workspaces: match row.optional_text("workspaces")? {
            Some(_) => Some(row.list("workspaces")?),
            None => None,
        },
        public_key: row.optional_bytes("public_key")?.map(|bytes| to_array(&bytes).map(PublicKey)).transpose()?,
        brand: brand(row)?,
        scopes: row.parsed("scopes")?,
        origins: row.list("origins")?,
        cidrs: row.list("cidrs")?,
        rate_limit: requests.zip(period).and_then(|(requests, period)| RateLimit::new(requests, period)),
        monthly_quota: row.optional_number("monthly_quota")?,
        limits: row.json("limits")?,
        shadow: row.list("shadow")?.into_iter().collect(),
        expires_at: row.time_unless("expires_at", NEVER)?,
        ends_at: row.time_unless("ends_at", NEVER)?,
        disabled: row.optional_number("disabled_at")?.is_some(),
        revoked: row.optional_number("revoked_at")?.is_some(),
    })
}
