//! How often keys were used, by the hour.

use std::collections::BTreeMap;

use doorkey_core::{KeyId, VerifierId};
use sqlx::AssertSqlSafe;

use super::keys::{record, select_keys};
use super::row::{Columns, blob, to_i64};
use super::{KeyRecord, Reader, Transaction};
use crate::error::Error;

/// Rows of one statement.
const ROWS: usize = 200;

/// The most of one counter: the hours of more than a year still have a sum.
const MOST: u64 = 100_000_000_000_000;
/// Series of reports that are known of one verifier: each of its processes has one. Of an older one the next report
/// begins anew.
const MAX_SPOOLS: u32 = 4096;

/// What is counted: a key by the bytes of its id, the beginning of an hour in Unix seconds, and an outcome in words.
pub(crate) type Counter = ([u8; 16], u64, String);

/// What a report says of a key's last use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastUse {
    /// Unix seconds; 0 if it was not used.
    pub(crate) at: u64,
    /// What restrictions in shadow would have refused.
    pub(crate) shadow_refusals: u64,
}

/// So many from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageRow {
    pub(crate) at: u64,
    pub(crate) outcome: String,
    pub(crate) count: u64,
}

impl Transaction {
    /// How far a series of reports was counted; 0 if it is new.
    pub(crate) async fn spool_sequence(&mut self, verifier: VerifierId, spool: &str) -> Result<u64, Error> {
        let row = sqlx::query("SELECT sequence FROM usage_spools WHERE verifier_id = $1 AND spool = $2")
            .bind(blob(verifier))
            .bind(spool.to_owned())
            .fetch_optional(self.connection())
            .await
            .map_err(Error::store)?;
        row.map_or(Ok(0), |row| row.number("sequence"))
    }

    pub(crate) async fn put_spool_sequence(
        &mut self,
        verifier: VerifierId,
        spool: &str,
        sequence: u64,
        now: u64,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO usage_spools (verifier_id, spool, sequence, taken_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (verifier_id, spool) DO UPDATE SET sequence = excluded.sequence, taken_at = excluded.taken_at",
        )
        .bind(blob(verifier))
        .bind(spool.to_owned())
        .bind(to_i64(sequence))
        .bind(to_i64(now))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Makes room for a series of reports that is new, by forgetting those of the verifier that rested longest.
    pub(crate) async fn make_room_for_spool(&mut self, verifier: VerifierId) -> Result<(), Error> {
        sqlx::query(
            // Those that go are few: to look for all that stay takes three times as long. SQLite has no OFFSET without LIMIT.
            "DELETE FROM usage_spools WHERE verifier_id = $1 AND spool IN (SELECT spool FROM usage_spools \
             WHERE verifier_id = $1 ORDER BY taken_at DESC, spool LIMIT 1000000 OFFSET $2)",
        )
        .bind(blob(verifier))
        .bind(i64::from(MAX_SPOOLS - 1))
        .execute(self.connection())
        .await
        .map_err(Error::store)?;
        Ok(())
    }

    /// Adds to what was counted, each counter once; what is too much to count stays as much as can be.
    pub(crate) async fn add_usage(&mut self, counts: &BTreeMap<Counter, u64>) -> Result<(), Error> {
        let counts: Vec<_> = counts.iter().collect();
        for rows in counts.chunks(ROWS) {
            // Our own words alone; all that a caller says is bound.
            let statement = format!(
                "INSERT INTO key_usage (key_id, hour, outcome, count) VALUES {} \
                 ON CONFLICT (key_id, hour, outcome) DO UPDATE SET count = \
                 CASE WHEN key_usage.count > {MOST} - excluded.count THEN {MOST} \
                 ELSE key_usage.count + excluded.count END",
                places(rows.len(), 4)
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for ((key, hour, outcome), count) in rows {
                query = query
                    .bind(key.to_vec())
                    .bind(to_i64(*hour))
                    .bind(outcome.clone())
                    .bind(to_i64((**count).min(MOST)));
            }
            query.execute(self.connection()).await.map_err(Error::store)?;
        }
        Ok(())
    }

    /// Notes when keys were used, and what restrictions in shadow would have refused.
    pub(crate) async fn note_key_uses(&mut self, uses: &BTreeMap<[u8; 16], LastUse>) -> Result<(), Error> {
        let uses: Vec<_> = uses.iter().collect();
        for rows in uses.chunks(ROWS) {
            let statement = format!(
                "WITH used (key_id, used_at, shadowed) AS (VALUES {}) UPDATE keys SET \
                 last_used_at = CASE WHEN last_used_at < used.used_at THEN used.used_at ELSE last_used_at END, \
                 shadow_refusals = CASE WHEN shadow_refusals > {MOST} - used.shadowed THEN {MOST} \
                 ELSE shadow_refusals + used.shadowed END FROM used WHERE keys.id = used.key_id",
                places(rows.len(), 3)
            );
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for (key, used) in rows {
                query = query.bind(key.to_vec()).bind(to_i64(used.at)).bind(to_i64(used.shadow_refusals.min(MOST)));
            }
            query.execute(self.connection()).await.map_err(Error::store)?;
        }
        Ok(())
    }

    /// Notes that a secret key was seen in a page by somebody who knows that it was the key; whether this was the first
    /// time.
    pub(crate) async fn note_leak(&mut self, key: KeyId, at: u64) -> Result<bool, Error> {
        let done =
            sqlx::query("UPDATE keys SET leaked_at = $2 WHERE id = $1 AND kind = 'secret' AND leaked_at IS NULL")
                .bind(blob(key))
                .bind(to_i64(at))
                .execute(self.connection())
                .await
                .map_err(Error::store)?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets counts of hours before a time, at most `limit` of them; says how many.
    pub(crate) async fn forget_usage(&mut self, before: u64, limit: u32) -> Result<u64, Error> {
        self.forget(
            "DELETE FROM key_usage WHERE (key_id, hour, outcome) IN \
             (SELECT key_id, hour, outcome FROM key_usage WHERE hour < $1 LIMIT $2)",
            before,
            limit,
        )
        .await
    }

    /// Forgets series of reports of which none came since a time: the next one begins anew.
    pub(crate) async fn forget_spools(&mut self, before: u64, limit: u32) -> Result<u64, Error> {
        self.forget(
            "DELETE FROM usage_spools WHERE (verifier_id, spool) IN \
             (SELECT verifier_id, spool FROM usage_spools WHERE taken_at < $1 LIMIT $2)",
            before,
            limit,
        )
        .await
    }

    pub(super) async fn forget(&mut self, statement: &'static str, before: u64, limit: u32) -> Result<u64, Error> {
        let done = sqlx::query(statement)
            .bind(to_i64(before))
            .bind(i64::from(limit))
            .execute(self.connection())
            .await
            .map_err(Error::store)?;
        Ok(done.rows_affected())
    }
}

impl Reader {
    /// Those of the keys that there are, in no order.
    pub(crate) async fn keys_of(&mut self, keys: &[KeyId]) -> Result<Vec<KeyRecord>, Error> {
        self.keys_in(keys, "k.id").await
    }

    /// The keys that wait to be ended by the first use of one of these.
    pub(crate) async fn keys_that_wait_for(&mut self, successors: &[KeyId]) -> Result<Vec<KeyRecord>, Error> {
        let mut found = self.keys_in(successors, "k.revoked_at IS NULL AND k.ends_on_use = 1 AND k.rolled_to").await?;
        found.sort_by_key(|key| *key.id.as_bytes());
        Ok(found)
    }

    async fn keys_in(&mut self, keys: &[KeyId], column: &str) -> Result<Vec<KeyRecord>, Error> {
        let mut found = Vec::new();
        for keys in keys.chunks(ROWS) {
            let places: Vec<_> = (1..=keys.len()).map(|place| format!("${place}")).collect();
            let statement = format!("{}WHERE {column} IN ({})", select_keys!(), places.join(", "));
            let mut query = sqlx::query(AssertSqlSafe(statement));
            for key in keys {
                query = query.bind(blob(*key));
            }
            let rows = query.fetch_all(self.connection()).await.map_err(Error::store)?;
            for row in &rows {
                found.push(record(row)?);
            }
        }
        Ok(found)
    }

    /// What a key was used for from `since` up to, and without, `until`, in periods of so many seconds.
    pub(crate) async fn key_usage(
        &mut self,
        key: KeyId,
        since: u64,
        until: u64,
        period: u64,
    ) -> Result<Vec<UsageRow>, Error> {
        let rows = sqlx::query(
            "SELECT hour - hour % $4 AS at, outcome, CAST(SUM(count) AS BIGINT) AS count FROM key_usage \
             WHERE key_id = $1 AND hour >= $2 AND hour < $3 GROUP BY 1, 2 ORDER BY 1, 2",
        )
        .bind(blob(key))
        .bind(to_i64(since))
        .bind(to_i64(until))
        .bind(to_i64(period))
        .fetch_all(self.connection())
        .await
        .map_err(Error::store)?;
        let row = |row: &sqlx::any::AnyRow| {
            Ok(UsageRow {
                at: row.number("at")?,
                outcome: row.text("outcome")?.to_owned(),
                count: row.number("count")?,
            })
        };
        rows.iter().map(row).collect()
    }
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
