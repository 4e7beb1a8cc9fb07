use doorkey_core::to_base64url;
use doorkey_servers::Postgres;
use tempfile::TempDir;

use super::{MIGRATIONS, migrate_to, migrations};
use crate::store::{Database, KeyOwner, Store, Transaction};

/// What a store holds that was made at each version, written with the columns of that version.
async fn fill(version: i64, transaction: &mut Transaction) {
    const ID: [u8; 16] = [7; 16];
    assert!(version <= 3, "a new version needs its rows here");
    let statements: [&'static str; 4] = [
        "INSERT INTO organizations (id, name, created_at) VALUES ($1, 'Old', 1)",
        "INSERT INTO workspaces (id, organization_id, name, created_at) VALUES ($1, $1, 'Old', 1)",
        "INSERT INTO keys (id, organization_id, workspace_id, kind, environment, name, scopes, origins, created_at) \
         VALUES ($1, $1, $1, 'publishable', 'live', 'Shop', 'a:read b:read', 'https://a.example https://b.example', 1)",
        "INSERT INTO signing_keys (kid, sealed_seed, state, created_at) VALUES ($1, $1, 'active', 1)",
    ];
    let of_members = [
        "INSERT INTO people (id, email, name, sealed_password, is_operator, created_at, revision) \
         VALUES ($1, 'a@b.example', 'A', $1, 1, 1, 1)",
        "INSERT INTO roles (id, organization_id, name, description, scopes, created_at, revision) \
         VALUES ($1, $1, 'Painter', '', 'a:read', 1, 1)",
        "INSERT INTO memberships (organization_id, person_id, role, role_id, joined_at, revision) \
         VALUES ($1, $1, 'custom', $1, 1, 1)",
        "INSERT INTO workspace_memberships (workspace_id, person_id, organization_id, role, joined_at) \
         VALUES ($1, $1, $1, 'editor', 1)",
        "INSERT INTO sign_ins (id, person_id, secret_hash, address, user_agent, created_at, last_seen_at, expires_at, \
         confirmed_at) VALUES ($1, $1, $1, '', '', 1, 1, 2, 0)",
        "INSERT INTO links (token_hash, purpose, person_id, expires_at) VALUES ($1, 'recovery', $1, 2)",
        "INSERT INTO invitations (id, organization_id, email, role, workspaces, token_hash, created_at, expires_at) \
         VALUES ($1, $1, 'c@d.example', 'member', '', $1, 1, 2)",
        "INSERT INTO idempotency_keys (person_id, key_hash, fingerprint, resource_id, created_at) \
         VALUES ($1, $1, $1, $1, 1)",
    ];
    let of_verifiers = [
        "INSERT INTO directory (revision, kind, entity_id) VALUES (1, 'organization', $1), (2, 'workspace', $1), \
         (3, 'key', $1), (4, 'verifier', $1)",
        "INSERT INTO directory_marks (revision, mark) VALUES (3 + LENGTH($1) / 16, 7)",
        "INSERT INTO verifiers (id, name, public_key, created_at) VALUES ($1, 'Pictures', $1, 1)",
        "INSERT INTO usage_spools (verifier_id, spool, sequence, taken_at) VALUES ($1, 'a', 1, 1)",
        "INSERT INTO key_usage (key_id, hour, outcome, count) VALUES ($1, 0, 'accepted', 1)",
        "INSERT INTO used_grants (key_id, jti_hash, expires_at) VALUES ($1, $1, 1)",
    ];
    let of_members = of_members.into_iter().filter(|_| version >= 2);
    let of_verifiers = of_verifiers.into_iter().filter(|_| version >= 3);
    for statement in statements.into_iter().chain(of_members).chain(of_verifiers) {
        let owner = if statement.contains("signing_keys") { vec![7; 32] } else { ID.to_vec() };
        sqlx::query(statement).bind(owner).execute(transaction.connection()).await.unwrap();
    }
}

async fn check(store: &Store) {
    let mut reader = store.read().await.unwrap();
    let [key] = &reader.all_keys().await.unwrap()[..] else { panic!("one key was kept") };
    assert_eq!((key.name.as_deref(), key.scopes.to_string().as_str()), (Some("Shop"), "a:read b:read"));
    assert_eq!((key.origins.len(), key.created_at, key.is_usable(u64::MAX - 1)), (2, 1, true));
    assert_eq!(
        (key.owner, key.brand.as_ref(), key.expires_at, key.last_used_at),
        (KeyOwner::Service, None, None, None)
    );
    // Each thing has its place among the changes.
    let changes = reader.changes_after(0, 10, None).await.unwrap().changes;
    let kinds: Vec<_> = changes.iter().map(|change| format!("{} {:?}", change.revision, change.what)).collect();
    assert!(kinds[0].starts_with("1 Line(Organization("), "{kinds:?}");
    assert!(kinds[1].starts_with("2 Line(Workspace("), "{kinds:?}");
    assert!(kinds[2].starts_with("3 Line(Key("), "{kinds:?}");
    assert!(kinds.get(3).is_none_or(|kind| kind.starts_with("4 Verifier")), "{kinds:?}");
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
        sqlx::query("UPDATE _sqlx_migrations SET version = 999 WHERE version = 3").execute(&store.pool).await.unwrap();
        let error = Store::open(&database).await.unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("999"));
    }
}

#[test]
fn a_migration_never_changes() {
    let sums: Vec<_> = migrations().iter().map(|migration| to_base64url(&migration.checksum[..12])).collect();
    assert_eq!(sums, ["NYuqx81scJbuw5vw", "LUca7upLB0-m_8XE", "G1GFXz2sLGqpN4U3"]);
}
