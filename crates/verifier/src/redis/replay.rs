//! Replay protection for a fleet: what one verifier has accepted, no other accepts.

mod scripts;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::RedisResult;
use redis::aio::MultiplexedConnection;

use self::scripts::{ANNOUNCE, MARK};
use super::examination::Server;
use super::{Away, Redis};
use crate::refusal::Refusal;
use crate::replay::{ReplayKey, Unmarked};

/// Where the marker is: which run of which server vouches for its entries, and since when.
const MARKER: &str = "dk:replay";
/// What an entry's name begins with; the thumbprint and the nonce follow, as bytes.
const ENTRY: &[u8] = b"dk:replay:";

/// Remembers every accepted proof in Redis, for all verifiers that use the same server, `@doorkey/verifier` included, until
/// it can no longer be accepted.
///
/// Nothing is accepted twice, though Redis may lose anything at any time. The argument:
///
/// 1. An entry is set by one script, if there is none. While the server keeps what it has, that is all. An entry lives
///    by the server's clock, and a proof that has expired by that clock, or by the latest time that it ever showed, is
///    refused: so it does not matter when an entry goes, or whether the clocks of verifiers agree with it.
/// 2. Data is lost by a restart (without persistence, or from an old file), by a failover (replicas lag), or because
///    somebody deletes it. A *marker* among the data names the run of the process and its replication history. After a
///    restart the run is another one, after a failover the history; after a deletion there is no marker. The script
///    compares both with what this connection's examination has found, so it refuses until somebody has announced the
///    server anew, which sets a marker with `since`; proofs made before `since` are refused from then on.
/// 3. Each proof accepted before the loss was made before `since`. The script accepts no proof that was made more than
///    [`MAX_AHEAD`](Self::MAX_AHEAD) seconds after the server's time; so whatever was accepted, by whichever verifier,
///    was made at most that long after the time of the loss, and the announcement comes later: `since` is its time and
///    `MAX_AHEAD`, and a second. It costs a pause of six seconds in which nothing is accepted, and needs no verifier to
///    know of the others, nor to have lived through the loss.
/// 4. Only a clock of a new server that is behind the one of the old can break 3. So each verifier also announces the
///    latest time at which any proof was made that it has accepted elsewhere, and `since` is after that, too. An answer
///    of the old server that arrives after the announcement to the new one does not count.
///
/// A server's clock that was set forward and then back by more than a minute makes every proof look expired, until it
/// shows again what it did; a verifier logs that as an error. To go on at once, delete the marker on that server:
/// `DEL dk:replay`. Entries stay, and nothing that was made before is accepted; it costs the pause of 3, as after a loss.
///
/// What no store can help against is two servers that both take writes: see [`Redis`].
#[derive(Clone, Debug)]
pub struct SharedReplay(Redis);

/// What this verifier has accepted: when the latest of the proofs was made, in Unix seconds.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    server: Option<Arc<Server>>,
    /// On that server.
    here: u64,
    /// On all before it.
    elsewhere: u64,
}

impl SharedReplay {
    /// How far a proof may be made ahead of the server's clock, in seconds, whatever a policy's skew is: after a loss of
    /// data nothing is accepted for as long as this.
    pub const MAX_AHEAD: u64 = 5;

    /// Memory in `redis`.
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Marks a proof that was made at `created` as used until `until`; of two calls with the same key, anywhere, at most
    /// one succeeds. Unix seconds.
    ///
    /// Fails as [`Unmarked`] says: if the proof was marked before; if it was made before the store can vouch, has expired by
    /// its clock, or is too far ahead of it; and if the store is away, slow, or has just lost its memory. A mark whose
    /// answer is lost stays: its nonce is used up.
    pub async fn mark(&self, key: &ReplayKey, created: u64, until: u64) -> Result<(), Refusal> {
        let unavailable = |Away| Unmarked::Away;
        let connection = self.0.connection().await.map_err(unavailable)?;
        let server = &connection.server;
        let entry = [ENTRY, key.jkt.as_bytes(), key.nonce.as_bytes()].concat();
        let mut script = MARK.key(MARKER);
        script.key(entry).arg(server.name()).arg(&server.replication).arg(created).arg(until);
        let (answer, wait): (String, u64) = self.0.invoke_on(&connection, &script).await.map_err(unavailable)?;
        let refused = match answer.as_str() {
            "accepted" if self.0.0.accepted().note(server, created) => return Ok(()),
            word => Unmarked::parse(word, Duration::from_secs(wait)),
        };
        match refused {
            // Not the server, or not the data, that was examined.
            Unmarked::Away => self.0.forget(&connection),
            Unmarked::Expired if wait > 0 => self.0.0.is_behind(wait),
            _ => {}
        }
        Err(refused.into())
    }
}

impl Accepted {
    /// Counts a proof that `server` has accepted, unless this verifier has announced itself to another since.
    fn note(&mut self, server: &Arc<Server>, created: u64) -> bool {
        let is_current = self.server.as_ref() == Some(server);
        if is_current {
            self.here = self.here.max(created);
        }
        is_current
    }

    /// From now on only what `server` accepts counts.
    fn turn_to(&mut self, server: &Arc<Server>) {
        if self.server.as_ref() != Some(server) {
            self.elsewhere = self.elsewhere.max(self.here);
            self.here = 0;
            self.server = Some(Arc::clone(server));
        }
    }
}

/// Has a server vouch for what it will be given, or raises since when it does.
pub(super) async fn announce(
    wire: &mut MultiplexedConnection,
    server: &Arc<Server>,
    accepted: &Mutex<Accepted>,
) -> RedisResult<()> {
    let (here, elsewhere) = {
        let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.turn_to(server);
        (accepted.here, accepted.elsewhere)
    };
    let mut script = ANNOUNCE.key(MARKER);
    script.arg(server.name()).arg(here).arg(elsewhere);
    script.invoke_async(wire).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Accepted, Server};

    #[test]
    fn an_answer_of_a_server_that_was_left_does_not_count() {
        let server = |run: &str| Arc::new(Server { run: run.to_owned(), replication: String::new() });
        let (first, second) = (server("a"), server("b"));
        let mut accepted = Accepted::default();
        assert!(!accepted.note(&first, 10));
        accepted.turn_to(&first);
        assert!(accepted.note(&first, 20) && accepted.note(&first, 15));
        accepted.turn_to(&server("a"));
        assert_eq!((accepted.here, accepted.elsewhere), (20, 0));
        accepted.turn_to(&second);
        assert!(!accepted.note(&first, 30));
        assert_eq!((accepted.here, accepted.elsewhere), (0, 20));
        assert!(accepted.note(&second, 5));
        accepted.turn_to(&first);
        assert_eq!((accepted.here, accepted.elsewhere), (0, 20));
    }
}
