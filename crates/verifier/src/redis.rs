//! One connection to Redis for a whole verifier: examined before it is used, made anew when it breaks.

mod examination;
mod lookup;
mod replay;
#[cfg(test)]
mod tests;

pub use replay::SharedReplay;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, FromRedisValue, IntoConnectionInfo, RedisError, ScriptInvocation,
};
use doorkey_core::{Error, ErrorCode};

use self::examination::Server;
use self::lookup::Lookup;
use self::replay::Accepted;
use crate::ambient::Clock;

/// How long it may take to connect, examination included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a command may take.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(500);
/// How long an examination counts.
const EXAMINE_EVERY: Duration = Duration::from_secs(30);
/// How often a trouble that lasts is told of.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// No second attempt to connect sooner than this after one that failed.
const COOL_DOWN: Duration = Duration::from_millis(100);

/// A Redis or Valkey server that several verifiers share: one server, or one behind Sentinel, but no cluster.
///
/// Nothing is connected before it is needed. Each new connection is examined, and one that is in use again every half
/// minute: a server that may evict entries, whose
/// `maxmemory` is set and whose `maxmemory-policy` is not `noeviction`, is not used, for to evict a live entry *is* the
/// replay attack. It has to be Redis 6.2 or newer, and all that is kept there has a name that begins with `dk:`.
///
/// Where a replica can take over, set `min-replicas-to-write 1`: a server that was cut off from its replicas and from
/// some of the verifiers would go on to accept what the new one accepts, too.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    is_plain: bool,
    patience: Patience,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held while connecting: whoever waits for it finds the connection of the other.
    connecting: tokio::sync::Mutex<()>,
    accepted: Mutex<Accepted>,
}

/// How long a server may take.
#[derive(Clone, Copy)]
struct Patience {
    connect: Duration,
    command: Duration,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    opened: u64,
    failed_at: Option<Duration>,
    examined_at: Duration,
    /// When it was told last that the server's clock is behind.
    told_at: Option<Duration>,
}

/// A connection that has been examined.
#[derive(Clone)]
pub(crate) struct Connection {
    wire: MultiplexedConnection,
    server: Arc<Server>,
    number: u64,
}

/// There was no answer, or none that counts. Whether the command was carried out is not known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Away;

impl Redis {
    /// The server at a `redis://`, `rediss://` or `unix://` URL.
    ///
    /// Without TLS, only a loopback, private or link-local address is connected to; a name has to stand for one each
    /// time it is looked up. For `rediss://` a process that has not chosen a default for rustls gets ring.
    ///
    /// Fails with [`ErrorCode::InvalidInput`]; the error does not repeat the URL, which may hold a password.
    pub fn new(url: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::with_patience(url, clock, Patience { connect: CONNECT_TIMEOUT, command: COMMAND_TIMEOUT })
    }

    /// As [`new`](Self::new), for a server that may take as long as `timeout` to connect, and again to answer: it waits
    /// for one second and for half of one otherwise.
    pub fn with_timeout(url: &str, clock: Arc<dyn Clock>, timeout: Duration) -> Result<Self, Error> {
        Self::with_patience(url, clock, Patience { connect: timeout, command: timeout })
    }

    fn with_patience(url: &str, clock: Arc<dyn Clock>, patience: Patience) -> Result<Self, Error> {
        let invalid = |detail| Error::new(ErrorCode::InvalidInput, detail);
        let info = url.into_connection_info().map_err(|_| invalid("not the URL of a Redis server"))?;
        let is_plain = match info.addr() {
            ConnectionAddr::Tcp(host, _) if !lookup::may_be_near(host) => {
                return Err(invalid("an address that is not private needs TLS: rediss://"));
            }
            ConnectionAddr::Tcp(..) => true,
            ConnectionAddr::TcpTls { insecure: true, .. } => {
                return Err(invalid("TLS is of no use when any certificate is taken"));
            }
            ConnectionAddr::TcpTls { .. } => {
                // The driver takes the process's provider, and panics where there are two to choose from and no choice.
                drop(rustls::crypto::ring::default_provider().install_default());
                false
            }
            _ => false,
        };
        let client = Client::open(info).map_err(|_| invalid("not the URL of a Redis server"))?;
        Ok(Self(Arc::new(Inner {
            client,
            is_plain,
            patience,
            clock,
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            accepted: Mutex::default(),
        })))
    }

    /// Whether it answers now, and is one that may be used.
    pub async fn is_up(&self) -> bool {
        let Ok(connection) = self.connection().await else { return false };
        let answered = ::redis::cmd("PING").query_async::<()>(&mut connection.wire.clone()).await;
        if let Err(error) = &answered {
            tracing::warn!(reason = reason(error), "Redis does not answer");
            self.forget(&connection);
        }
        answered.is_ok()
    }

    /// The connection there is, or a new one.
    async fn connection(&self) -> Result<Connection, Away> {
        if let Some(connection) = self.0.examined() {
            return Ok(connection);
        }
        let inner = Arc::clone(&self.0);
        // A task of its own: a caller that hangs up must not undo the cool-down.
        tokio::spawn(async move { inner.connect().await }).await.unwrap_or(Err(Away))
    }

    /// Runs a script on one connection. After any failure that connection is not used again.
    async fn invoke_on<T: FromRedisValue>(
        &self,
        connection: &Connection,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, Away> {
        script.invoke_async(&mut connection.wire.clone()).await.map_err(|error| {
            tracing::warn!(reason = reason(&error), "a command to Redis failed");
            self.forget(connection);
            Away
        })
    }

    /// Runs a script; not known to have run if this fails.
    pub(crate) async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Away> {
        let connection = self.connection().await?;
        self.invoke_on(&connection, script).await
    }

    /// The next command gets a new connection, unless it has one already.
    fn forget(&self, connection: &Connection) {
        let mut state = self.0.state();
        if state.connection.as_ref().is_some_and(|current| current.number == connection.number) {
            state.connection = None;
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, Away> {
        let _single_flight = self.connecting.lock().await;
        if let Some(connection) = self.examined() {
            return Ok(connection);
        }
        if let Some(connection) = self.examine_again().await {
            return Ok(connection);
        }
        let number = {
            let state = self.state();
            // A clock that was set back does not count as waiting.
            if state.failed_at.is_some_and(|at| self.clock.monotonic().abs_diff(at) < COOL_DOWN) {
                return Err(Away);
            }
            state.opened + 1
        };
        let opened = tokio::time::timeout(self.patience.connect, self.open(number)).await;
        let opened = opened.unwrap_or_else(|_| Err("it took too long".to_owned()));
        let mut state = self.state();
        match opened {
            Ok(connection) => {
                state.opened = number;
                state.failed_at = None;
                state.examined_at = self.clock.monotonic();
                state.connection = Some(connection.clone());
                Ok(connection)
            }
            Err(reason) => {
                tracing::warn!(reason, "there is no connection to Redis");
                state.failed_at = Some(self.clock.monotonic());
                Err(Away)
            }
        }
    }

    /// The connection there is, if its examination still counts.
    fn examined(&self) -> Option<Connection> {
        let state = self.state();
        let is_due = self.clock.monotonic().abs_diff(state.examined_at) >= EXAMINE_EVERY;
        state.connection.clone().filter(|_| !is_due)
    }

    /// Examines the connection there is, and drops it unless the server is the one that it was and may still be used.
    async fn examine_again(&self) -> Option<Connection> {
        let mut connection = self.state().connection.clone()?;
        let now = self.clock.monotonic();
        let examined = Server::examine(&mut connection.wire).await;
        let mut state = self.state();
        match examined {
            Ok(server) if server == *connection.server => {
                state.examined_at = now;
                return Some(connection);
            }
            Ok(_) => tracing::warn!("Redis is another server than before"),
            Err(reason) => tracing::error!(reason, "Redis is no longer to be used"),
        }
        state.connection = None;
        None
    }

    /// Tells, once a minute, that the server's clock is behind what it showed before.
    fn is_behind(&self, seconds: u64) {
        let now = self.clock.monotonic();
        let mut state = self.state();
        if state.told_at.is_none_or(|at| now.abs_diff(at) >= TELL_EVERY) {
            state.told_at = Some(now);
            tracing::error!(
                seconds,
                "the clock of Redis was set back: no proof is accepted until it shows again what it did, or until \
                 somebody deletes `dk:replay` there"
            );
        }
    }

    async fn open(&self, number: u64) -> Result<Connection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience.connect))
            .set_response_timeout(Some(self.patience.command))
            .set_dns_resolver(Lookup { is_plain: self.is_plain });
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let mut wire = connected.map_err(|error| reason(&error))?;
        let server = Arc::new(Server::examine(&mut wire).await?);
        replay::announce(&mut wire, &server, &self.accepted).await.map_err(|error| reason(&error))?;
        Ok(Connection { wire, server, number })
    }
}

/// Why something failed, without anything that was sent: a URL may hold a password.
fn reason(error: &RedisError) -> String {
    error.category().to_owned()
}
