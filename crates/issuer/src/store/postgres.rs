//! Postgres: one database for several issuers side by side.

use std::net::IpAddr;
use std::time::Duration;

use doorkey_core::ErrorCode;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyPool, ConnectOptions, Connection};
use tokio::time::timeout;
use url::Url;

use crate::error::Error;

/// Each statement sees what was committed before it, whatever the server's default: so what follows [`QUEUE`] sees all
/// that earlier writers did.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Lets one writer in at a time, of all issuers, until its transaction ends. Who waits in vain gives up, and who holds
/// the others up without doing anything, a machine that froze, is cut off by the server.
pub(super) const QUEUE: &str = "SET LOCAL lock_timeout = '5s'; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'; \
     SET LOCAL client_min_messages = 'warning'; \
     SELECT pg_advisory_xact_lock(28270022122759545)";

/// How long a request waits for a connection: a database that is away must not hold up every answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection may take to show that it still works.
const PING_PATIENCE: Duration = Duration::from_secs(5);
/// A connection that rested for longer is asked first whether it still works.
const FRESH: Duration = Duration::from_millis(100);

const PARAMETERS: [&str; 10] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Reads the URL and settles whether TLS is used. A parameter that the driver would pass over is refused, for it might
/// ask for safety; no error repeats any of the text, which may hold a password.
pub(super) fn parse(text: &str) -> Result<Url, Error> {
    let wrong = |detail: &'static str| Error::new(ErrorCode::InvalidInput, detail);
    let mut url: Url = text.parse().map_err(|_| wrong("the database is not given as a URL"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong("the database's URL begins with postgres://"));
    }
    if url.query_pairs().any(|(name, _)| !PARAMETERS.contains(&&*name)) || url.fragment().is_some() {
        return Err(wrong("the database's URL has a parameter that is not known"));
    }
    let parameter = |wanted| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let is_local = match parameter("host") {
        Some(socket) if socket.starts_with('/') => true,
        Some(_) => return Err(wrong("the parameter host is a socket's folder; another host stands before the path")),
        None => match url.host_str() {
            Some(host) if !host.is_empty() => is_local(host),
            _ => return Err(wrong("the database's URL names no host")),
        },
    };
    if parameter("sslmode").is_none() {
        let mode = if is_local { "disable" } else { "verify-full" };
        url.query_pairs_mut().append_pair("sslmode", mode);
    }
    Ok(url)
}

/// Whether bytes to this host stay on this machine.
fn is_local(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || address.is_ok_and(|ip| ip.is_loopback())
}

pub(super) async fn connect(url: &Url) -> Result<AnyPool, Error> {
    let options = AnyConnectOptions::from_url(url).map_err(Error::store)?;
    let pool = super::pool()
        .max_connections(16)
        .acquire_timeout(PATIENCE)
        // Under load each connection has just been used: a look-up then costs one round trip in place of two.
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move { Ok(state.idle_for < FRESH || connection.ping().await.is_ok()) })
        })
        // One whose server went away without a word would otherwise be waited for until TCP gives up.
        .after_release(|connection, _| {
            Box::pin(async move { Ok(timeout(PING_PATIENCE, connection.ping()).await.is_ok_and(|ping| ping.is_ok())) })
        })
        .connect_with(options.clone())
        .await;
    match pool {
        // The pool has tried again and again, and does not say what came of it.
        Err(sqlx::Error::PoolTimedOut) => match timeout(PATIENCE, options.connect()).await {
            Ok(Err(reason)) => Err(Error::store(reason)),
            _ => Err(Error::store(sqlx::Error::PoolTimedOut)),
        },
        pool => pool.map_err(Error::store),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::store::Database;

    #[test]
    fn bytes_leave_the_machine_over_tls_unless_told_otherwise() {
        for (url, mode) in [
            ("postgres://localhost/keys", "disable"),
            ("postgres://127.0.0.1:5433/keys", "disable"),
            ("postgres://[::1]/keys", "disable"),
            ("postgres://%2Frun%2Fpostgresql/keys", "disable"),
            ("postgres:///keys?host=/run/postgresql", "disable"),
            ("postgresql://db.example.com/keys", "verify-full"),
            ("postgres://10.0.0.1/keys", "verify-full"),
            ("postgres://localhost.example.com/keys", "verify-full"),
            ("postgres://db.example.com/keys?sslmode=disable", "disable"),
            ("postgres://localhost/keys?sslmode=verify-full&sslrootcert=/ca.pem", "verify-full"),
        ] {
            let parsed = parse(url).unwrap();
            let modes: Vec<_> = parsed.query_pairs().filter(|(name, _)| name == "sslmode").collect();
            assert_eq!(modes, [("sslmode".into(), mode.into())], "{url}");
        }
    }

    #[test]
    fn what_is_refused_or_shown_repeats_no_password() {
        for url in [
            "hunter2",
            "mysql://a:hunter2@localhost/keys",
            "postgres://a:hunter2@localhost:port/keys",
            "postgres:///keys?password=hunter2",
            "postgres://localhost/keys?host=hunter2",
            "postgres://localhost/keys?pasword=hunter2",
            "postgres://localhost/keys?channel_binding=hunter2",
            "postgres://localhost/keys#hunter2",
        ] {
            let error = url.parse::<Database>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let database: Database = "postgres://a:hunter2@db.example.com:6543/keys?password=hunter2".parse().unwrap();
        assert_eq!(database.to_string(), "postgres://db.example.com:6543/keys");
        assert_eq!(format!("{database:?}"), "Database(postgres://db.example.com:6543/keys)");
    }
}
