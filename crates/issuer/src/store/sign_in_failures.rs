//! Failed sign-ins, counted for whom they were aimed at, and networks that are known, which have no failures. A subject is
//! a keyed hash: nobody's address is here.

use super::row::{Columns, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// How often it went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    /// Unix seconds.
    pub(crate) last_at: u64,
}

impl Transaction {
    pub(crate) async fn put_failures(&mut self, subject: &[u8; 32], failures: Failures) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO sign_in_failures (subject, failures, last_failed_at) VALUES ($1, $2, $3) \
             ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_failed_at = excluded.last_failed_at",
        )
        .bind(subject.to_vec())
        .bind(to_i64(failures.count))
        .bind(to_i64(failures.last_at))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Writes the time of the last failure, if there is one.
    pub(crate) async fn touch_failures(&mut self, subject: &[u8; 32], at: u64) -> Result<(), Error> {
        sqlx::query("UPDATE sign_in_failures SET last_failed_at = $2 WHERE subject = $1")
            .bind(subject.to_vec())
            .bind(to_i64(at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    pub(crate) async fn delete_failures(&mut self, subject: &[u8; 32]) -> Result<(), Error> {
        sqlx::query("DELETE FROM sign_in_failures WHERE subject = $1")
            .bind(subject.to_vec())
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Forgets counts whose last failure is from before a time, at most `limit` of them; says how many.
    pub(crate) async fn forget_failures(&mut self, before: u64, limit: u32) -> Result<u64, Error> {
        let done = sqlx::query(
            "DELETE FROM sign_in_failures WHERE subject IN \
             (SELECT subject FROM sign_in_failures WHERE last_failed_at <= $1 LIMIT $2)",
        )
        .bind(to_i64(before))
        .bind(i64::from(limit))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(done.rows_affected())
    }
}

impl Reader {
    pub(crate) async fn failures(&mut self, subject: &[u8; 32]) -> Result<Failures, Error> {
        let row = sqlx::query("SELECT failures, last_failed_at FROM sign_in_failures WHERE subject = $1")
            .bind(subject.to_vec())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        let Some(row) = row else { return Ok(Failures::default()) };
        Ok(Failures { count: row.number("failures")?, last_at: row.number("last_failed_at")? })
    }
}
