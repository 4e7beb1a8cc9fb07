//! A fleet that shares a Redis accepts nothing twice, whatever happens to Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorkey_core::{Nonce, SigningKey, Thumbprint};
use doorkey_servers::Redis as Server;
use doorkey_verifier::{Clock, Redis, ReplayKey, SharedReplay, SystemClock};

/// One verifier of the fleet; a machine under load may be slow.
fn verifier(server: &Server) -> SharedReplay {
    SharedReplay::new(Redis::with_timeout(server.url(), Arc::new(SystemClock), Duration::from_mins(1)).unwrap())
}

fn key(counter: u64) -> ReplayKey {
    let jkt = Thumbprint::of(&SigningKey::from_seed(&[7; 32]).verifying_key());
    ReplayKey { jkt, nonce: Nonce::new([1; 12], counter) }
}

/// What becomes of a proof that was made at `created` and is good for a minute, and skew.
async fn mark(replay: &SharedReplay, counter: u64, created: u64) -> &'static str {
    let marked = replay.mark(&key(counter), created, created + 90).await;
    marked.map_or_else(|refusal| refusal.error().code().as_str(), |()| "accepted")
}

/// Signs anew until a proof is accepted, waiting as long as it is told each time.
async fn wait_for(replay: &SharedReplay) {
    static COUNTER: AtomicU64 = AtomicU64::new(1 << 40);
    loop {
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let created = SystemClock.now();
        match replay.mark(&key(counter), created, created + 90).await {
            Ok(()) => return,
            Err(refusal) => {
                assert!(["replay_store_unavailable", "window_invalid"].contains(&refusal.error().code().as_str()));
                tokio::time::sleep(refusal.retry_after().unwrap_or(Duration::from_millis(100))).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_verifiers_at_once_exactly_one_accepts() {
    let server = Server::start();
    let fleet = [verifier(&server), verifier(&server), verifier(&server)];
    wait_for(&fleet[0]).await;
    let created = SystemClock.now();
    let marking: Vec<_> = fleet
        .iter()
        .map(|replay| {
            let replay = replay.clone();
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                for counter in 0..3000 {
                    match mark(&replay, counter, created).await {
                        "accepted" => accepted.push(counter),
                        code => assert_eq!(code, "replayed"),
                    }
                }
                accepted
            })
        })
        .collect();
    let mut accepted = Vec::new();
    for task in marking {
        accepted.extend(task.await.unwrap());
    }
    accepted.sort_unstable();
    assert!(accepted.into_iter().eq(0..3000));
}

#[tokio::test]
async fn what_a_loss_of_memory_may_have_taken_is_not_accepted_again() {
    let empty = lose("started empty", |server| {
        server.kill();
        server.start_again_empty();
    });
    let restored = lose("restored from an old file", |server| {
        server.kill();
        server.start_again();
    });
    tokio::join!(empty, restored, lose("emptied", Server::flush));
}

/// Has proofs accepted, takes them out of the server's memory, and shows them to the fleet again and again.
async fn lose(loss: &str, how: impl FnOnce(&Server)) {
    let server = Server::start();
    let (one, other) = (verifier(&server), verifier(&server));
    wait_for(&one).await;
    let created = SystemClock.now();
    assert_eq!(mark(&one, 0, created).await, "accepted");
    server.save();
    // The ones that are ahead of the clock are what a careless marker would let through. The verifier that has accepted
    // them is never heard of again.
    let ahead = SystemClock.now() + SharedReplay::MAX_AHEAD;
    let proofs = [(0, created), (1, created), (2, created + 1), (3, ahead - 1), (4, ahead)];
    for (counter, created) in &proofs[1..] {
        assert_eq!(mark(&other, *counter, *created).await, "accepted");
    }
    drop(other);

    how(&server);
    let again = verifier(&server);
    for replay in [&one, &again, &one] {
        for (counter, created) in proofs {
            assert_ne!(mark(replay, counter, created).await, "accepted", "{loss}: {counter}");
        }
    }
    wait_for(&again).await;
    wait_for(&one).await;
    for (counter, created) in proofs {
        let codes = [mark(&one, counter, created).await, mark(&again, counter, created).await];
        assert_eq!(codes, ["window_invalid"; 2], "{loss}: {counter}");
    }
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_accepted() {
    let server = Server::start();
    let replay = SharedReplay::new(Redis::new(server.url(), Arc::new(SystemClock)).unwrap());
    wait_for(&replay).await;
    let created = SystemClock.now();
    server.freeze();
    assert_eq!(mark(&replay, 0, created).await, "replay_store_unavailable");
    assert_eq!(mark(&replay, 1, created).await, "replay_store_unavailable");
    server.thaw();
    wait_for(&replay).await;
    // The server had received it, though its answer came too late.
    assert_eq!(mark(&replay, 0, created).await, "replayed");

    server.kill();
    for counter in 10..20 {
        assert_eq!(mark(&replay, counter, created).await, "replay_store_unavailable");
    }
    server.start_again_empty();
    wait_for(&replay).await;
}

#[tokio::test]
async fn proofs_outside_the_window_of_the_store_are_refused() {
    let server = Server::start();
    let replay = verifier(&server);
    wait_for(&replay).await;
    let now = SystemClock.now();
    assert_eq!(mark(&replay, 0, now + 60).await, "window_invalid");
    assert_eq!(mark(&replay, 0, now - 60).await, "window_invalid", "older than the store");
    let expired = replay.mark(&key(0), now, now - 1).await.unwrap_err();
    assert_eq!(expired.error().code().as_str(), "window_invalid", "an entry that is gone at once protects nothing");
    assert_eq!(mark(&replay, 0, now).await, "accepted");
}

#[tokio::test]
async fn a_server_that_may_evict_is_not_used() {
    let evicting = Server::start_with(&["maxmemory 64mb", "maxmemory-policy volatile-ttl"]);
    assert_eq!(mark(&verifier(&evicting), 0, SystemClock.now()).await, "replay_store_unavailable");
    drop(evicting);
    let refusing = Server::start_with(&["maxmemory 64mb", "maxmemory-policy noeviction"]);
    wait_for(&verifier(&refusing)).await;
}
