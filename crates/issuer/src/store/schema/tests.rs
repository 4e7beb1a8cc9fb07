use doorkey_core::to_base64url;
use doorkey_servers::Postgres;
use tempfile::TempDir;

use super::{MIGRATIONS, migrate_to, migrations};
use crate::store::{Database, Store, Transaction};

/// What a store holds that was made at each version, written with the columns of that version.
async fn fill(version: i64, transaction: &mut Transaction) {
    const ID: [u8; 16] = [7; 16];
    assert_eq!(version, 1, "a new version needs its rows here");
    let statements = [
        "INSERT INTO organizations (id, name, created_at) VALUES ($1, 'Old', 1)",
        "INSERT INTO workspaces (id, organization_id, name, created_at) VALUES ($1, $1, 'Old', 1)",
        "INSERT INTO keys (id, organization_id, workspace_id, kind, environment, name, scopes, origins, created_at) \
         VALUES ($1, $1, $1, 'publishable', 'live', 'Shop', 'a:read b:read', 'https://a.example https://b.example', 1)",
        "INSERT INTO signing_keys (kid, sealed_seed, state, created_at) VALUES ($1, $1, 'active', 1)",
    ];
    for statement in statements {
        let owner = if statement.contains("signing_keys") { vec![7; 32] } else { ID.to_vec() };
        sqlx::query(statement).bind(owner).execute(transaction.connection()).await.unwrap();
    }
}

async fn check(store: &Store) {
    let [key] = &store.keys().await.unwrap()[..] else { panic!("one key was kept") };
    assert_eq!((key.name.as_deref(), key.scopes.to_string().as_str()), (Some("Shop"), "a:read b:read"));
    assert_eq!((key.origins.len(), key.created_at, key.is_active()), (2, 1, true));
    assert_eq!(store.signing_keys().await.unwrap().len(), 1);
    assert!(!store.is_empty().await.unwrap());
}

#[tokio::test]
async fn a_store_of_each_earlier_version_is_brought_forward() {
    for (version, ..) in MIGRATIONS {
        let (folder, place) = (TempDir::new().unwrap(), Postgres::shared().create_database());
        let file = folder.path().join("doorkey.db");
        std::fs::write(&file, "").unwrap();
        for database in [Database::file(file), place.url().parse().unwrap()] {
            let store = Store::connect(&database).await.unwrap();
            let mut transaction = store.begin().await.unwrap();
            migrate_to(Some(version), transaction.connection()).await.unwrap();
            fill(version, &mut transaction).await;
            transaction.commit().await.unwrap();
            store.close().await;
            for _ in 0..2 {
                check(&Store::open_existing(&database).await.unwrap()).await;
            }
        }
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let (folder, place) = (TempDir::new().unwrap(), Postgres::shared().create_database());
    for database in [Database::file(folder.path().join("doorkey.db")), place.url().parse().unwrap()] {
        let store = Store::open(&database).await.unwrap();
        sqlx::query("UPDATE _sqlx_migrations SET version = 999").execute(&store.pool).await.unwrap();
        let error = Store::open(&database).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("999"));
    }
}

#[test]
fn a_migration_never_changes() {
    let sums: Vec<_> = migrations().iter().map(|migration| to_base64url(&migration.checksum[..12])).collect();
    assert_eq!(sums, ["NYuqx81scJbuw5vw"]);
}
