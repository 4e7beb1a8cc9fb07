//! Links for setup and recovery. Of what a link carries, a hash alone is here.

use doorkey_core::MemberId;

use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkPurpose {
    /// To become the first person.
    Setup,
    /// To give this person a new password.
    Recovery(MemberId),
}

impl LinkPurpose {
    fn person(self) -> Option<MemberId> {
        match self {
            Self::Setup => None,
            Self::Recovery(person) => Some(person),
        }
    }
}

impl Transaction {
    /// Writes a link, in place of all others for the same.
    pub(crate) async fn replace_link(
        &mut self,
        purpose: LinkPurpose,
        token_hash: &[u8; 32],
        expires_at: u64,
    ) -> Result<(), Error> {
        self.delete_links(purpose).await?;
        sqlx::query("INSERT INTO links (token_hash, purpose, person_id, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(token_hash.to_vec())
            .bind(if purpose == LinkPurpose::Setup { "setup" } else { "recovery" })
            .bind(purpose.person().map(blob))
            .bind(to_i64(expires_at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Ends all links for the same.
    pub(crate) async fn delete_links(&mut self, purpose: LinkPurpose) -> Result<(), Error> {
        let query = match purpose {
            LinkPurpose::Setup => sqlx::query("DELETE FROM links WHERE purpose = 'setup'"),
            LinkPurpose::Recovery(person) => sqlx::query("DELETE FROM links WHERE person_id = $1").bind(blob(person)),
        };
        query.execute(self.connection()).await.map_err(Error::store)?;
        Ok(())
    }

    /// Deletes expired links, at most `limit` of them; says how many.
    pub(crate) async fn forget_links(&mut self, now: u64, limit: u32) -> Result<u64, Error> {
        let done = sqlx::query(
            "DELETE FROM links WHERE token_hash IN (SELECT token_hash FROM links WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(to_i64(now))
        .bind(i64::from(limit))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(done.rows_affected())
    }
}

impl Reader {
    /// What the link with this token is good for at this time.
    pub(crate) async fn link(&mut self, token_hash: &[u8; 32], now: u64) -> Result<Option<LinkPurpose>, Error> {
        let row = sqlx::query("SELECT person_id FROM links WHERE token_hash = $1 AND expires_at > $2")
            .bind(token_hash.to_vec())
            .bind(to_i64(now))
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        let purpose = |person: Option<MemberId>| person.map_or(LinkPurpose::Setup, LinkPurpose::Recovery);
        row.map(|row| row.optional_id("person_id").map(purpose)).transpose()
    }
}
