use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doorkey_servers::Redis as Server;

use super::super::{Limits, Outage};
use super::{BEGIN, all, monthly, rate, shadow, take};
use crate::ambient::{Clock, SystemClock};
use crate::redis::Redis;

/// A clock by which a connection is tried anew when the test says so.
#[derive(Debug, Default)]
struct Seconds(AtomicU64);

impl Clock for Seconds {
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn limits(server: &Server, outage: Outage) -> Limits {
    Limits::new().with_redis(Redis::new(server.url(), Arc::new(SystemClock)).unwrap(), outage)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_lets_through_the_limit_and_hardly_less() {
    let server = Server::start();
    let fleet = [(); 3].map(|()| limits(&server, Outage::Refuse));
    for limit in [1, 7, 100, 2000] {
        for round in 0..10 {
            let charge = rate(limit, limit, 1);
            let tasks: Vec<_> = (0..12)
                .map(|task| {
                    let (limits, charge) = (fleet[task % 3].clone(), charge.clone());
                    tokio::spawn(async move { all(&limits, &[charge], BEGIN + round).await })
                })
                .collect();
            let mut passed = 0;
            for task in tasks {
                passed += task.await.unwrap();
            }
            assert!(passed <= limit && passed * 100 >= limit * 95, "{passed} of {limit}");
        }
    }
}

#[tokio::test]
async fn one_of_the_fleet_gets_nearly_all_if_the_others_rest() {
    let server = Server::start();
    let fleet = [(); 3].map(|()| limits(&server, Outage::Refuse));
    let charge = [monthly(1, 10)];
    assert_eq!(take(&fleet[0], &charge, BEGIN).await, "taken");
    assert_eq!(take(&fleet[1], &charge, BEGIN).await, "taken");
    assert_eq!(all(&fleet[2], &charge, BEGIN).await, 8, "the last ones are not hoarded");
    let charge = [monthly(2, 1600)];
    assert_eq!(take(&fleet[0], &charge, BEGIN).await, "taken");
    assert_eq!(fleet[0].leases(), 1);
    assert_eq!(all(&fleet[1], &charge, BEGIN).await, 1500);
    fleet[0].save().await.unwrap();
    assert_eq!(all(&fleet[2], &charge, BEGIN).await, 99, "what was given back");
    assert_eq!(all(&fleet[2], &[monthly(2, 1610)], BEGIN).await, 10, "a raised quota counts at once");
}

#[tokio::test]
async fn without_redis_leases_are_used_up_and_then_nothing_passes() {
    let server = Server::start();
    let limits = limits(&server, Outage::Refuse);
    let charge = [rate(1, 160, 60)];
    assert_eq!(take(&limits, &charge, BEGIN).await, "taken");
    server.kill();
    let mut passed = 0;
    loop {
        match take(&limits, &charge, BEGIN).await {
            "taken" => passed += 1,
            code => {
                assert_eq!(code, "store_unavailable");
                break;
            }
        }
    }
    assert_eq!(passed, 9);
    assert_eq!(take(&limits, &[shadow(rate(2, 5, 60))], BEGIN).await, "taken", "what is tried out refuses nothing");
    server.start_again_empty();
    // It cools down for a tenth of a second.
    while take(&limits, &charge, BEGIN).await != "taken" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_redis_a_verifier_can_count_on_its_own_and_tells_later() {
    let server = Server::start();
    server.kill();
    let clock = Arc::new(Seconds::default());
    // However slow the machine is: an answer that comes too late would be none.
    let patient = |outage| {
        Limits::new()
            .with_redis(Redis::with_timeout(server.url(), clock.clone(), Duration::from_mins(1)).unwrap(), outage)
    };
    let alone = patient(Outage::CountLocally);
    let charge = [monthly(1, 20)];
    assert_eq!(all(&alone, &charge, BEGIN).await, 20);
    assert_eq!(take(&alone, &charge, BEGIN + 9).await, "quota_exhausted");
    server.start_again();
    clock.0.fetch_add(1, Ordering::Relaxed);
    let charge = [monthly(1, 1620)];
    assert_eq!(take(&alone, &charge, BEGIN + 9).await, "taken");
    assert_eq!(alone.leases(), 0, "until it asks again, it counts on its own");
    assert_eq!(take(&alone, &charge, BEGIN + 10).await, "taken");
    assert_eq!(alone.leases(), 1);
    alone.save().await.unwrap();
    let other = patient(Outage::Refuse);
    assert_eq!(all(&other, &charge, BEGIN + 10).await, 1620 - 22, "what was let through meanwhile is told");
}
