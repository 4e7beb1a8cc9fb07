//! A fleet: three issuers on one Postgres, three verifiers on one Redis, and whatever can break between them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fleet;
#[path = "../cli/house.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod house;

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::fleet::{Fleet, bearer, now};

/// What may pass between the last acceptance and its being noted, on a busy machine.
const SLACK: Duration = Duration::from_millis(300);

fn signal(process: &std::process::Child, name: &str) {
    let done = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_issuer_revokes_no_verifier_accepts_a_second_later() {
    let fleet = Fleet::start(Duration::from_secs(10)).await;
    let mut late = Vec::new();
    for number in 0..12 {
        late.push(fleet.revocation(number).await);
    }
    late.sort();
    assert!(*late.last().unwrap() < Duration::from_secs(1), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_fails_nothing_is_accepted_beyond_the_bound() {
    let bound = Duration::from_secs(2);
    let mut fleet = Fleet::start(bound).await;
    let key = |fleet: &Fleet| fleet.create_key(1, &json!({}));
    let authorization = |key: &doorkey_core::SecretKey| format!("Bearer {}", *key.to_key_string());

    // An issuer that hangs, and would say something old when it goes on.
    let hung = key(&fleet);
    fleet.nodes[0].accepts(&authorization(&hung)).await;
    signal(&fleet.issuers[0].process, "-STOP");
    tokio::task::block_in_place(|| fleet.revoke(1, hung.id()));
    let revoked_at = now();
    let last = fleet.nodes[0].use_until(&authorization(&hung), &["directory_stale", "key_revoked"]).await;
    assert!(last.is_none_or(|last| last.saturating_duration_since(revoked_at) < bound + SLACK));
    signal(&fleet.issuers[0].process, "-CONT");
    fleet.nodes[0].use_until(&authorization(&hung), &["key_revoked"]).await;

    // The database goes: nobody can say what is revoked, so nobody says that nothing is.
    let kept = key(&fleet);
    for node in &fleet.nodes {
        node.accepts(&authorization(&kept)).await;
    }
    fleet.postgres.stop();
    let stopped_at = now();
    for node in &fleet.nodes {
        let last = node.use_until(&authorization(&kept), &["directory_stale"]).await;
        assert!(last.is_none_or(|last| last.saturating_duration_since(stopped_at) < bound + SLACK));
    }
    fleet.postgres.start_again();
    for node in &fleet.nodes {
        node.accepts(&authorization(&kept)).await;
    }

    // An issuer dies; the verifier goes on with what it had for as long as that is fresh.
    fleet.issuers[2].process.kill().unwrap();
    tokio::task::block_in_place(|| fleet.revoke(1, kept.id()));
    let revoked_at = now();
    let last = fleet.nodes[2].use_until(&authorization(&kept), &["directory_stale", "key_revoked"]).await;
    assert!(last.is_none_or(|last| last.saturating_duration_since(revoked_at) < bound + SLACK));
    assert_eq!(fleet.nodes[0].call(bearer(&authorization(&kept))).await, Err("key_revoked".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_accepts_no_other_does_and_a_limit_is_one_for_all() {
    let fleet = Fleet::start(Duration::from_secs(10)).await;
    let (once, never) = fleet.replays(500).await;
    assert_eq!((once, never), (500, 0));
    fleet.redis.kill();
    let (limit, seconds) = (300, 3);
    fleet.redis.start_again();
    let accepted = fleet.let_through(limit, seconds).await;
    assert!(accepted <= limit * seconds && accepted * 100 >= limit * seconds * 95, "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_keys_are_used_for_comes_back_to_the_issuer() {
    let mut fleet = Fleet::start(Duration::from_secs(10)).await;
    let key = fleet.create_key(0, &json!({ "cidrs": ["192.0.2.0/24"], "shadow": ["cidrs"] }));
    let authorization = format!("Bearer {}", *key.to_key_string());
    for node in &fleet.nodes {
        node.accepts(&authorization).await;
    }
    fleet.revoke(2, key.id());
    for node in &fleet.nodes {
        node.use_until(&authorization, &["key_revoked"]).await;
    }
    let mut from_page = bearer(&authorization);
    from_page.headers_mut().insert("origin", http::HeaderValue::from_static("https://shop.example"));
    assert_eq!(fleet.nodes[0].call(from_page).await, Err("secret_key_in_browser".into()));
    for node in std::mem::take(&mut fleet.nodes) {
        node.link.close().await;
    }
    let usage = fleet.usage(key.id());
    let totals = &usage["totals"];
    assert!(totals["accepted"].as_u64().unwrap() >= 3, "{usage}");
    assert_eq!(totals["accepted"], totals["shadowed"]["cidrs"], "{usage}");
    assert!(totals["refused"]["key_revoked"].as_u64().unwrap() >= 3, "{usage}");
    assert_eq!(totals["refused"]["secret_key_in_browser"], 1, "{usage}");
    let keys: serde_json::Value = serde_json::from_str(&fleet.house.print(&["keys", "list", "--json"])).unwrap();
    let listed = keys.as_array().unwrap().iter().find(|listed| listed["id"] == key.id().to_string()).unwrap();
    assert!(listed["last_used_at"].is_u64() && listed["leaked_at"].is_u64(), "{listed}");
}
