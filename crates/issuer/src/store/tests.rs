use doorkey_servers::Postgres;
use tempfile::TempDir;

use super::{Database, Store};
use crate::error::Error;

#[tokio::test]
async fn what_is_written_is_on_the_disk() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&Database::file(folder.path().join("doorkey.db"))).await.unwrap();
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = store.pool.acquire().await.unwrap();
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(journal, "wal");
        for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1), ("PRAGMA busy_timeout", 5000)]
        {
            let value: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *connection).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        connections.push(connection);
    }
}

#[tokio::test]
async fn a_path_may_hold_what_a_url_does_not() {
    let folder = TempDir::new().unwrap();
    for name in ["a b?c=d#e%20f.db", "\u{fc}.db"] {
        Store::open(&Database::file(folder.path().join(name))).await.unwrap().close().await;
        assert!(folder.path().join(name).exists());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "two databases, each with its lock");
}

/// How many writers wait for their turn.
async fn waiting(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        .fetch_one(&store.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_writer_who_goes_away_while_it_waits_holds_nobody_up() {
    let place = Postgres::shared().create_database();
    let database = place.url().parse().unwrap();
    let stores = [Store::open(&database).await.unwrap(), Store::open(&database).await.unwrap()];
    let writing = stores[0].begin().await.unwrap();
    let gone = tokio::spawn({
        let store = stores[1].clone();
        async move { drop(store.begin().await) }
    });
    while waiting(&stores[0]).await == 0 {}
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    writing.commit().await.unwrap();
    for store in stores.iter().cycle().take(4) {
        store.begin().await.unwrap().commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_writer_who_goes_away_at_any_moment_leaves_no_transaction_open() {
    let place = Postgres::shared().create_database();
    let database = place.url().parse().unwrap();
    let stores = [Store::open(&database).await.unwrap(), Store::open(&database).await.unwrap()];
    for moment in 0..40 {
        let begin = tokio::spawn({
            let store = stores[1].clone();
            async move { drop(store.begin().await) }
        });
        for _ in 0..moment {
            tokio::task::yield_now().await;
        }
        begin.abort();
        drop(begin.await);
        // Whoever has every connection knows that each has been given back.
        let mut all = Vec::new();
        for _ in 0..stores[1].pool.options().get_max_connections() {
            all.push(stores[1].pool.acquire().await.unwrap());
        }
        let open: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'",
        )
        .fetch_one(&stores[0].pool)
        .await
        .unwrap();
        assert_eq!(open, 0, "after {moment} steps");
    }
}

#[tokio::test]
async fn readers_do_not_wait_for_writers() {
    let place = Postgres::shared().create_database();
    let store = Store::open(&place.url().parse().unwrap()).await.unwrap();
    let writing = store.begin().await.unwrap();
    assert!(store.is_empty().await.unwrap() && store.read().await.unwrap().all_keys().await.unwrap().is_empty());
    writing.commit().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_server_ended_costs_one_answer_at_most() {
    let place = Postgres::shared().create_database();
    let database = place.url().parse().unwrap();
    let stores = [Store::open(&database).await.unwrap(), Store::open(&database).await.unwrap()];
    let ended: i64 = sqlx::query_scalar(
        "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_one(&stores[0].pool)
    .await
    .unwrap();
    let mut lost = 0;
    while stores[1].ping().await.is_err() {
        lost += 1;
        assert!(lost <= ended, "{lost} of {ended}");
    }
    assert!(ended > 0);
}

#[tokio::test]
async fn a_certificate_is_checked_whole() {
    let postgres = Postgres::start_with_tls();
    let (place, plain) = (postgres.create_database(), Postgres::shared().create_database());
    let connect = async |url: String| {
        let store = Store::open(&url.parse().unwrap()).await?;
        sqlx::query_scalar::<_, bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&store.pool)
            .await
            .map_err(Error::store)
    };
    let url = place.tls_url();
    let (without_root, _) = url.split_once('?').unwrap();
    assert!(connect(format!("{url}&sslmode=verify-full")).await.unwrap());
    assert!(connect(format!("{without_root}?sslmode=require")).await.unwrap());
    assert!(!connect(format!("{url}&sslmode=disable")).await.unwrap());
    for (refused, why) in [
        (format!("{without_root}?sslmode=verify-full"), "certificate"),
        (format!("{url}&sslmode=verify-full").replace("localhost", "127.0.0.1"), "certificate"),
        (format!("{}?sslmode=verify-full", plain.url()), "TLS"),
        (format!("{url}&sslmode=verify-full").replace("hunter2", "hunter3"), "password authentication failed"),
    ] {
        let error = connect(refused).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(why) && !cause.contains("hunter"), "{cause}");
    }
}
