use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, cmd};
use doorkey_core::{ErrorCode, Nonce, SigningKey, Thumbprint};
use doorkey_servers::Redis as Server;

use super::{EXAMINE_EVERY, Redis, SharedReplay};
use crate::ambient::{Clock, SystemClock};
use crate::replay::ReplayKey;

/// The machine's clock, and one that stands still for whatever has to wait.
#[derive(Debug, Default)]
struct Seconds(AtomicU64);

impl Clock for Seconds {
    fn since_epoch(&self) -> Duration {
        SystemClock.since_epoch()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A verifier, and whoever else has to do with its server.
struct Fixture {
    server: Server,
    clock: Arc<Seconds>,
    redis: Redis,
}

impl Fixture {
    /// A server that has not lost anything for long.
    async fn start() -> Self {
        let server = Server::start();
        let clock = Arc::new(Seconds::default());
        let redis = Redis::with_timeout(server.url(), clock.clone(), Duration::from_mins(1)).unwrap();
        let fixture = Self { server, clock, redis };
        assert_eq!(fixture.mark(0, 60).await, "replay_store_unavailable", "a pause");
        let _: u64 = fixture.ask(cmd("HSET").arg("dk:replay").arg("since").arg(0)).await;
        fixture
    }

    async fn ask<T: FromRedisValue>(&self, command: &mut Cmd) -> T {
        let client = ::redis::Client::open(self.server.url()).unwrap();
        let mut wire = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut wire).await.unwrap()
    }

    /// What becomes of a proof that is made now and good for so long.
    async fn mark(&self, counter: u64, seconds: u64) -> &'static str {
        let jkt = Thumbprint::of(&SigningKey::from_seed(&[7; 32]).verifying_key());
        let key = ReplayKey { jkt, nonce: Nonce::new([1; 12], counter) };
        let created = SystemClock.now();
        let marked = SharedReplay::new(self.redis.clone()).mark(&key, created, created + seconds).await;
        marked.map_or_else(|refusal| refusal.error().code().as_str(), |()| "accepted")
    }

    fn advance(&self, by: Duration) {
        self.clock.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

#[test]
fn plain_text_stays_near_and_no_error_repeats_the_url() {
    let new = |url: &str| Redis::new(url, Arc::new(SystemClock));
    for url in [
        "redis://127.0.0.1",
        "redis://:hunter2@10.1.2.3:6379/1",
        "redis://[::1]:6379",
        "redis://[fd00::1]",
        "redis://redis:6379",
        "rediss://:hunter2@redis.example.com",
        "unix:///run/redis.sock",
    ] {
        assert!(!format!("{:?}", new(url).unwrap()).contains("hunter2"), "{url}");
    }
    for url in [
        "redis://:hunter2@192.0.2.1",
        "redis://:hunter2@[2001:db8::1]:6379",
        "redis://:hunter2@[::ffff:8.8.8.8]",
        "rediss://:hunter2@redis.example.com/#insecure",
        "http://:hunter2@127.0.0.1",
        "hunter2",
        "",
    ] {
        let error = new(url).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_becomes_one_that_may_forget_is_used_no_longer() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.mark(1, 60).await, "accepted");
    let set = |name: &str, value: &str| cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned();
    let _: () = fixture.ask(&mut set("maxmemory", "64mb")).await;
    let _: () = fixture.ask(&mut set("maxmemory-policy", "allkeys-lru")).await;
    assert_eq!(fixture.mark(2, 60).await, "accepted", "nobody has looked yet");
    fixture.advance(EXAMINE_EVERY);
    assert_eq!(fixture.mark(3, 60).await, "replay_store_unavailable");
    let _: () = fixture.ask(&mut set("maxmemory-policy", "noeviction")).await;
    fixture.advance(Duration::from_secs(1));
    assert_eq!(fixture.mark(4, 60).await, "accepted");
    let number = fixture.redis.0.state().opened;
    fixture.advance(EXAMINE_EVERY);
    assert_eq!(fixture.mark(5, 60).await, "accepted");
    assert_eq!(fixture.redis.0.state().opened, number, "a good one is kept");
}

#[tokio::test]
async fn a_replica_is_used_no_longer() {
    let fixture = Fixture::start().await;
    let _: () = fixture.ask(cmd("REPLICAOF").arg("127.0.0.1").arg(1)).await;
    fixture.advance(EXAMINE_EVERY);
    assert!(fixture.redis.connection().await.is_err());
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_told_of_and_can_be_got_over() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.mark(1, 60).await, "accepted");
    let latest = |by: u64| SystemClock.now() + by;
    assert_eq!(fixture.mark(2, 0).await, "window_invalid");
    assert_eq!(fixture.redis.0.state().told_at, None, "expired by any clock");
    let _: u64 = fixture.ask(cmd("HSET").arg("dk:replay").arg("latest").arg(latest(10_000))).await;
    assert_eq!(fixture.mark(3, 60).await, "window_invalid");
    assert_eq!(fixture.redis.0.state().told_at, Some(Duration::ZERO));
    fixture.advance(Duration::from_secs(20));
    assert_eq!(fixture.mark(4, 60).await, "window_invalid");
    assert_eq!(fixture.redis.0.state().told_at, Some(Duration::ZERO), "once a minute");

    let _: u64 = fixture.ask(cmd("DEL").arg("dk:replay")).await;
    assert_eq!(fixture.mark(5, 60).await, "replay_store_unavailable", "the data is not what was examined");
    assert_eq!(fixture.mark(6, 60).await, "replay_store_unavailable", "a pause");
    let _: u64 = fixture.ask(cmd("HSET").arg("dk:replay").arg("since").arg(0)).await;
    assert_eq!(fixture.mark(7, 60).await, "accepted");
    assert_eq!(fixture.mark(1, 60).await, "replayed", "what was accepted is still known");
}

#[tokio::test]
async fn an_entry_outlives_any_other_verifiers_skew() {
    let fixture = Fixture::start().await;
    // A proof that is good for 60 s, at a verifier that allows for no skew: another takes it a minute longer.
    assert_eq!(fixture.mark(1, 60).await, "accepted");
    let names: Vec<Vec<u8>> = fixture.ask(cmd("KEYS").arg("dk:replay:*")).await;
    let rest: u64 = fixture.ask(cmd("TTL").arg(&names[0])).await;
    assert!(names.len() == 1 && (120 + 30..=180).contains(&rest), "{rest}");
}
