//! Who is at the other end, and whether it keeps what it is given.

use std::sync::LazyLock;

use redis::Script;
use redis::aio::MultiplexedConnection;

use super::reason;

/// What the server says of itself: its run and its history, or why it is not to be used.
///
/// The rules stand in `examine.lua`, for `@doorkey/verifier` goes by the same.
static EXAMINE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("examine.lua"),
        "
local info = function(section) return redis.call('INFO', section) end
local run, history, reason = examine(info('server'), info('replication'), info('memory'))
return {run or '', history or '', reason or ''}
"
    ))
});

/// One run of a server process in one part: neither a restart nor a failover leaves both halves as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Another one after each start.
    pub(super) run: String,
    /// Another one each time a server becomes the primary, or the replica of another.
    pub(super) replication: String,
}

impl Server {
    /// Asks the server, or says why it is not to be used.
    pub(super) async fn examine(wire: &mut MultiplexedConnection) -> Result<Self, String> {
        let answer: (String, String, String) =
            EXAMINE.prepare_invoke().invoke_async(wire).await.map_err(|error| reason(&error))?;
        match answer {
            (run, replication, reason) if reason.is_empty() => Ok(Self { run, replication }),
            (_, _, reason) => Err(reason),
        }
    }

    /// The name by which verifiers tell runs apart.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.run, self.replication)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use doorkey_servers::Redis;
    use redis::{Client, Script};

    static READ: LazyLock<Script> = LazyLock::new(|| {
        Script::new(concat!(
            include_str!("examine.lua"),
            "
local run, history, reason = examine(ARGV[1], ARGV[1], ARGV[1])
return reason or run .. ':' .. history
"
        ))
    });

    const GOOD: &str = "# Server\r\nredis_mode:standalone\r\nrun_id:a\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
                        role:master\r\nmaster_replid:b\r\n";

    #[tokio::test]
    async fn what_may_forget_is_not_used() {
        let server = Redis::start();
        let wire = Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        for (good, other, expected) in [
            ("maxmemory:0", "maxmemory:0", "a:b"),
            ("maxmemory:0", "maxmemory:1000", "a:b"),
            ("policy:noeviction", "policy:allkeys-lru", "a:b"),
            ("redis_mode:standalone", "server_mode:standalone", "a:b"),
            ("maxmemory:0\r\nmaxmemory_policy:noeviction", "maxmemory:1\r\nmaxmemory_policy:volatile-ttl", EVICTS),
            ("maxmemory:0\r\nmaxmemory_policy:noeviction", "unknown:1", EVICTS),
            ("redis_mode:standalone", "redis_mode:cluster", CLUSTER),
            ("redis_mode:standalone", "server_mode:cluster", CLUSTER),
            ("role:master", "role:slave", REPLICA),
            ("role:master", "roles:master", REPLICA),
            ("run_id:a", "run:a", UNNAMED),
            ("master_replid:b", "master_replid:", UNNAMED),
        ] {
            let read: String = READ.arg(GOOD.replace(good, other)).invoke_async(&mut wire.clone()).await.unwrap();
            assert_eq!(read, expected, "{other}");
        }
    }

    const EVICTS: &str = "its maxmemory-policy is not noeviction";
    const CLUSTER: &str = "it is part of a cluster";
    const REPLICA: &str = "it is a replica";
    const UNNAMED: &str = "it does not say which run it is";
}
