//! Migrations, forward only. A migration that was released never changes.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use crate::error::Error;

const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "registry", include_str!("../../migrations/0001_registry.sql"))];

/// Applies what is missing, within the caller's transaction. A store of a newer version is refused.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), Error> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into()).run_direct(None, connection, false).await.map_err(Error::store)
}
