//! Migrations, forward only. A migration that was released never changes.

use doorkey_core::ErrorCode;
use sqlx::migrate::{AppliedMigration, Migrate, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, SqlSafeStr, SqliteConnection};

use crate::error::Error;

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "registry", include_str!("../../migrations/0001_registry.sql")),
    (2, "members", include_str!("../../migrations/0002_members.sql")),
    (3, "directory", include_str!("../../migrations/0003_directory.sql")),
];

const TABLE: &str = "_sqlx_migrations";

/// Postgres's code for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// Applies what is missing, within the caller's transaction. A store of a newer version is refused.
pub(super) async fn migrate(connection: &mut AnyConnection) -> Result<(), Error> {
    migrate_to(None, connection).await
}

async fn migrate_to(version: Option<i64>, connection: &mut AnyConnection) -> Result<(), Error> {
    // The caller's transaction keeps others out already.
    let mut migrator = Migrator::with_migrations(migrations());
    migrator.set_locking(false).run_direct(version, connection, false).await.map_err(Error::store)
}

/// Whether a Postgres database was ever brought to a schema.
pub(super) async fn exists(pool: &AnyPool) -> Result<bool, Error> {
    match sqlx::query("SELECT version FROM _sqlx_migrations LIMIT 1").fetch_optional(pool).await {
        Ok(row) => Ok(row.is_some()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(UNDEFINED_TABLE) => Ok(false),
        Err(error) => Err(Error::store(error)),
    }
}

/// Whether a copy has a schema that [`migrate`] would take; nothing is changed.
pub(super) async fn check(copy: &mut SqliteConnection) -> Result<(), Error> {
    let known = migrations();
    let wrong = |detail| Error::new(ErrorCode::InvalidInput, detail);
    let applied = copy
        .list_applied_migrations(TABLE)
        .await
        .map_err(|cause| wrong("this is no copy of a Doorkey database").with_source(cause))?;
    // From the first on, without gaps.
    let is_known = |(applied, known): (&AppliedMigration, &Migration)| {
        applied.version == known.version && *applied.checksum == *known.checksum
    };
    if applied.is_empty() || applied.len() > known.len() || !applied.iter().zip(&known).all(is_known) {
        return Err(wrong("the copy is of a version that this Doorkey does not know"));
    }
    Ok(())
}

fn migrations() -> Vec<Migration> {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    MIGRATIONS.map(migration).into()
}

#[cfg(test)]
mod tests;
