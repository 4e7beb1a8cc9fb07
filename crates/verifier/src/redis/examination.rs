//! Who is at the other end, and whether it keeps what it is given.

use redis::aio::MultiplexedConnection;
use redis::{InfoDict, cmd};

use super::reason;

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
        let all: InfoDict = cmd("INFO").query_async(wire).await.map_err(|error| reason(&error))?;
        Self::read(&all)
    }

    fn read(info: &InfoDict) -> Result<Self, String> {
        let text = |name| info.get::<String>(name).filter(|text| !text.is_empty());
        if text("redis_mode").is_some_and(|mode| mode != "standalone") {
            return Err("it is part of a cluster".to_owned());
        }
        if text("role").as_deref() != Some("master") {
            return Err("it is a replica".to_owned());
        }
        let is_bounded = text("maxmemory").is_none_or(|bytes| bytes != "0");
        if is_bounded && text("maxmemory_policy").as_deref() != Some("noeviction") {
            return Err("its maxmemory-policy is not noeviction".to_owned());
        }
        match (text("run_id"), text("master_replid")) {
            (Some(run), Some(replication)) => Ok(Self { run, replication }),
            _ => Err("it does not say which run it is".to_owned()),
        }
    }

    /// The name by which verifiers tell runs apart.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.run, self.replication)
    }
}

#[cfg(test)]
mod tests {
    use redis::InfoDict;

    use super::Server;

    const GOOD: &str = "redis_mode:standalone\r\nrun_id:a\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n\
                        master_replid:b\r\n";

    #[test]
    fn what_may_forget_is_not_used() {
        let read = |info: &str| Server::read(&InfoDict::new(info));
        assert_eq!(read(GOOD).unwrap().name(), "a:b");
        for (good, other, is_used) in [
            ("maxmemory:0", "maxmemory:1000", true),
            ("policy:noeviction", "policy:allkeys-lru", true),
            ("maxmemory:0\r\nmaxmemory_policy:noeviction", "maxmemory:1\r\nmaxmemory_policy:volatile-ttl", false),
            ("maxmemory:0\r\nmaxmemory_policy:noeviction", "unknown:1", false),
            ("mode:standalone", "mode:cluster", false),
            ("role:master", "role:slave", false),
            ("run_id:a", "run:a", false),
            ("master_replid:b", "master_replid:", false),
        ] {
            assert_eq!(read(&GOOD.replace(good, other)).is_ok(), is_used, "{other}");
        }
    }
}
