//! What verifiers follow: every key, tenant and verifier in the order of its last change.

use doorkey_core::{KeyId, OrganizationId, VerifierId, WorkspaceId};
use doorkey_verifier::{DirectoryKey, DirectoryLine, DirectoryTenant, PublicKey, RateLimit};
use sqlx::any::AnyRow;

use super::row::{Columns, NEVER, brand, broken, kind, to_array, to_i64, to_u64};
use super::{Reader, Transaction};
use crate::error::Error;

/// Names the history that revisions count in.
pub(super) const HISTORY: &str = "directory_history";

/// How many revisions back a mark can still be asked for: more than pass while a process rests.
const MARKS_KEPT: u64 = 100_000;

/// What one statement drew from the directory: all of one moment.
#[derive(Debug)]
pub(crate) struct DirectoryPage {
    pub(crate) head: Head,
    /// Whether what was known before is a part of this.
    pub(crate) goes_on: bool,
    pub(crate) changes: Vec<DirectoryChange>,
}

/// How far the directory has come. A database that goes back, and forward again by other changes, has another mark at
/// the same revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The name of the history; `None` before an issuer has run.
    pub(crate) history: Option<String>,
    pub(crate) revision: u64,
    mark: Option<u64>,
}

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

    /// Marks the place that the changes of this transaction have come to.
    pub(super) async fn mark_place(&mut self) -> Result<(), Error> {
        let mark = self.marks.next();
        sqlx::query(
            "INSERT INTO directory_marks (revision, mark) VALUES ((SELECT MAX(revision) FROM directory), $1) \
             ON CONFLICT (revision) DO UPDATE SET mark = excluded.mark",
        )
        .bind(to_i64(mark))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Forgets marks that nobody can come back to any more, at most `limit` of them; says how many.
    pub(crate) async fn forget_marks(&mut self, limit: u32) -> Result<u64, Error> {
        let newest = self.newest_revision().await?;
        self.forget(
            "DELETE FROM directory_marks WHERE revision IN \
             (SELECT revision FROM directory_marks WHERE revision < $1 LIMIT $2)",
            newest.saturating_sub(MARKS_KEPT),
            limit,
        )
        .await
    }

    /// Gives the history another name, unless it has another one than `found` by now.
    pub(crate) async fn rename_history(&mut self, found: Option<&str>, name: &str) -> Result<(), Error> {
        if self.history().await?.as_deref() != found {
            return Ok(());
        }
        self.put_setting(HISTORY, name).await
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

    /// What has changed after a revision, in order, at most `limit` of it; and whether the directory has gone on from
    /// where it was `known` to be.
    ///
    /// It is one statement, so it sees one moment: a thing that is changed meanwhile is in it as it was before, or
    /// comes later, and is never passed over.
    pub(crate) async fn changes_after(
        &mut self,
        since: u64,
        limit: u32,
        known: Option<&Head>,
    ) -> Result<DirectoryPage, Error> {
        let rows = sqlx::query(
            "SELECT p.history, p.newest, p.newest_mark, p.known_mark, d.revision, d.kind AS entity, d.entity_id, \
             COALESCE(o.archived_at, w.archived_at) AS archived_at, v.revoked_at AS verifier_revoked_at, \
             k.organization_id, k.workspace_id, k.workspaces, k.kind, k.environment, k.brand, k.public_key, k.scopes, \
             k.origins, k.cidrs, k.rate_limit_requests, k.rate_limit_period, k.monthly_quota, k.limits, k.shadow, \
             k.expires_at, k.ends_at, k.disabled_at, k.revoked_at \
             FROM (SELECT (SELECT value FROM settings WHERE name = $3) AS history, \
             (SELECT COALESCE(MAX(revision), 0) FROM directory) AS newest, \
             (SELECT mark FROM directory_marks \
             WHERE revision = (SELECT COALESCE(MAX(revision), 0) FROM directory)) AS newest_mark, \
             (SELECT mark FROM directory_marks WHERE revision = $4) AS known_mark) AS p \
             LEFT JOIN (SELECT revision, kind, entity_id FROM directory WHERE revision > $1 \
             ORDER BY revision LIMIT $2) AS d ON 1 = 1 \
             LEFT JOIN keys k ON d.kind = 'key' AND k.id = d.entity_id \
             LEFT JOIN organizations o ON d.kind = 'organization' AND o.id = d.entity_id \
             LEFT JOIN workspaces w ON d.kind = 'workspace' AND w.id = d.entity_id \
             LEFT JOIN verifiers v ON d.kind = 'verifier' AND v.id = d.entity_id \
             ORDER BY d.revision",
        )
        .bind(to_i64(since))
        .bind(i64::from(limit))
        .bind(HISTORY)
        .bind(to_i64(known.map_or(0, |known| known.revision)))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        page(&rows, known)
    }
}

fn page(rows: &[AnyRow], known: Option<&Head>) -> Result<DirectoryPage, Error> {
    // Where nothing has changed there is one row, without a change.
    let first = rows.first().ok_or_else(|| broken("newest", &"no row at all"))?;
    let head = Head {
        history: first.optional_text("history")?,
        revision: first.number("newest")?,
        mark: first.optional_number("newest_mark")?,
    };
    let known_mark = first.optional_number("known_mark")?;
    let goes_on = known.is_none_or(|known| known.history == head.history && known.mark == known_mark);
    let has_changed = first.optional_number("revision")?.is_some();
    let changes = rows.iter().filter(|_| has_changed).map(change).collect::<Result<_, _>>()?;
    Ok(DirectoryPage { head, goes_on, changes })
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
