//! Sign-ins: who may act as whom, and until when.

use doorkey_core::{MemberId, SignInId};
use sqlx::any::AnyRow;

use super::people::{Person, person};
use super::row::{Columns, blob, to_i64};
use super::{Reader, Transaction};
use crate::error::Error;

/// One sign-in of a person.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) id: SignInId,
    pub(crate) person: MemberId,
    /// Where it was made from.
    pub(crate) address: String,
    pub(crate) user_agent: String,
    pub(crate) created_at: u64,
    /// Within a minute.
    pub(crate) last_seen_at: u64,
    pub(crate) expires_at: u64,
    /// When the password was last asked again; 0 for never.
    pub(crate) confirmed_at: u64,
}

impl Transaction {
    pub(crate) async fn insert_sign_in(&mut self, sign_in: &SignIn, secret_hash: &[u8; 32]) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO sign_ins (id, person_id, secret_hash, address, user_agent, created_at, last_seen_at, \
             expires_at, confirmed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(blob(sign_in.id))
        .bind(blob(sign_in.person))
        .bind(secret_hash.to_vec())
        .bind(sign_in.address.clone())
        .bind(sign_in.user_agent.clone())
        .bind(to_i64(sign_in.created_at))
        .bind(to_i64(sign_in.last_seen_at))
        .bind(to_i64(sign_in.expires_at))
        .bind(to_i64(sign_in.confirmed_at))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Notes that a sign-in was used, unless a later use is noted already.
    pub(crate) async fn note_sign_in_seen(&mut self, id: SignInId, at: u64) -> Result<(), Error> {
        sqlx::query("UPDATE sign_ins SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2")
            .bind(blob(id))
            .bind(to_i64(at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(())
    }

    /// Notes that the password was asked again; says whether the sign-in is still there.
    pub(crate) async fn confirm_sign_in(&mut self, id: SignInId, at: u64) -> Result<bool, Error> {
        let done = sqlx::query("UPDATE sign_ins SET confirmed_at = $2 WHERE id = $1")
            .bind(blob(id))
            .bind(to_i64(at))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends a sign-in of this person; says whether there was one.
    pub(crate) async fn delete_sign_in(&mut self, id: SignInId, person: MemberId) -> Result<bool, Error> {
        let done = sqlx::query("DELETE FROM sign_ins WHERE id = $1 AND person_id = $2")
            .bind(blob(id))
            .bind(blob(person))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends every sign-in of a person but one; says how many.
    pub(crate) async fn delete_sign_ins(&mut self, person: MemberId, but: Option<SignInId>) -> Result<u64, Error> {
        // No id is empty.
        let but = but.map_or_else(Vec::new, blob);
        let done = sqlx::query("DELETE FROM sign_ins WHERE person_id = $1 AND id <> $2")
            .bind(blob(person))
            .bind(but)
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(done.rows_affected())
    }

    /// Deletes expired sign-ins, at most `limit` of them; says how many.
    pub(crate) async fn forget_sign_ins(&mut self, now: u64, limit: u32) -> Result<u64, Error> {
        let done = sqlx::query(
            "DELETE FROM sign_ins WHERE id IN \
             (SELECT id FROM sign_ins WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
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
    /// The sign-in with this secret, expired or not, and whose it is.
    pub(crate) async fn sign_in_with(&mut self, secret_hash: &[u8; 32]) -> Result<Option<(SignIn, Person)>, Error> {
        let row = sqlx::query(
            "SELECT s.id AS sign_in_id, s.person_id, s.address, s.user_agent, s.created_at AS signed_in_at, \
             s.last_seen_at, s.expires_at, s.confirmed_at, p.id, p.email, p.name, p.is_operator, p.created_at, \
             p.revision FROM sign_ins s JOIN people p ON p.id = s.person_id WHERE s.secret_hash = $1",
        )
        .bind(secret_hash.to_vec())
        .fetch_optional(self.connection())
        .await
        .map_err(Error::store)?;
        row.map(|row| Ok((sign_in(&row)?, person(&row)?))).transpose()
    }

    /// A person's sign-ins, expired ones too, the oldest first.
    pub(crate) async fn sign_ins_of(&mut self, person: MemberId) -> Result<Vec<SignIn>, Error> {
        let rows = sqlx::query(
            "SELECT id AS sign_in_id, person_id, address, user_agent, created_at AS signed_in_at, last_seen_at, \
             expires_at, confirmed_at FROM sign_ins WHERE person_id = $1 ORDER BY id",
        )
        .bind(blob(person))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        rows.iter().map(sign_in).collect()
    }
}

fn sign_in(row: &AnyRow) -> Result<SignIn, Error> {
    Ok(SignIn {
        id: row.id("sign_in_id")?,
        person: row.id("person_id")?,
        address: row.text("address")?.to_owned(),
        user_agent: row.text("user_agent")?.to_owned(),
        created_at: row.number("signed_in_at")?,
        last_seen_at: row.number("last_seen_at")?,
        expires_at: row.number("expires_at")?,
        confirmed_at: row.number("confirmed_at")?,
    })
}
