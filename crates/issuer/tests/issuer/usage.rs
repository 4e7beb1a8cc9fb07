//! What verifiers report: counted once, and shown to whoever may see the key.

use doorkey_core::{KeyId, SecretKey};
use doorkey_verifier::Clock;
use serde_json::{Value, json};

use crate::house::{House, NOW, On};
use crate::key_life::{Scene, path};
use crate::verifiers::Verifier;

on_each_database!(
    a_report_counts_once,
    of_the_same_report_at_once_one_counts,
    what_is_no_report_is_refused,
    counts_are_shown_by_the_hour_and_by_the_day,
    who_may_see_the_key_sees_its_use,
    sessions_are_counted_too,
    a_reported_use_ends_the_key_before_it,
    a_reported_leak_is_recorded_once,
    counters_do_not_overflow,
    a_verifier_has_so_many_series_and_no_more,
    a_verifier_that_reports_too_often_is_told_to_wait,
    a_time_that_cannot_be_is_made_one_that_can,
    old_counts_are_forgotten
);

const SPOOL: &str = "AAAAAAAAAAAAAAAA";

fn count(key: &Value, outcome: &str, count: u64) -> Value {
    json!({ "key": key, "hour": NOW - NOW % 3600, "outcome": outcome, "count": count, "last_at": NOW })
}

async fn report(house: &House, verifier: &Verifier, sequence: u64, counts: &Value) -> (u16, String) {
    let report = json!({ "spool": SPOOL, "sequence": sequence, "counts": counts });
    send(house, verifier, &report).await
}

async fn send(house: &House, verifier: &Verifier, report: &Value) -> (u16, String) {
    let answer = house.send(verifier.post("/v1/usage", &report.to_string())).await;
    (answer.status.as_u16(), answer.json["code"].as_str().unwrap_or_default().to_owned())
}

async fn usage(scene: &Scene, key: &Value, query: &str) -> Value {
    let answer = scene.admin.get(&scene.house, &format!("{}/usage{query}", path(key))).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

fn done() -> (u16, String) {
    (204, String::new())
}

async fn a_report_counts_once(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let counts = json!([
        count(&key["id"], "accepted", 5),
        count(&key["id"], "accepted", 2),
        count(&key["id"], "key_expired", 1),
        count(&key["id"], "shadow:cidrs", 3),
        // Of another issuer, or gone.
        count(&json!(KeyId::from_bytes([9; 16]).to_string()), "accepted", 100),
    ]);
    for _ in 0..3 {
        assert_eq!(report(&scene.house, &verifier, 1, &counts).await, done());
    }
    assert_eq!(report(&scene.house, &verifier, 3, &counts).await, (409, "conflict".into()));
    assert_eq!(report(&scene.house, &verifier, 2, &json!([count(&key["id"], "accepted", 1)])).await, done());
    assert_eq!(report(&scene.house, &verifier, 1, &counts).await, done());
    // Another series, and another verifier's of the same name, count on their own.
    let other = json!({ "spool": "BBBBBBBBBBBBBBBB", "sequence": 1, "counts": [count(&key["id"], "accepted", 10)] });
    assert_eq!(send(&scene.house, &verifier, &other).await, done());
    let second = Verifier::add(&scene.house).await;
    assert_eq!(report(&scene.house, &second, 1, &json!([count(&key["id"], "accepted", 100)])).await, done());
    let totals = usage(&scene, &key, "").await["totals"].clone();
    assert_eq!(
        totals,
        json!({
            "accepted": 118, "refused": { "key_expired": 1 }, "shadowed": { "cidrs": 3 }, "minted": 0, "mints_refused": {}
        })
    );
    let shown = scene.show(&key).await;
    assert_eq!((&shown["last_used_at"], &shown["shadow_refusals"]), (&json!(NOW), &json!(3)));
    // It is no change of the key.
    assert_eq!(scene.admin.get(&scene.house, &path(&key)).await.header("etag"), "\"1\"");
}

async fn of_the_same_report_at_once_one_counts(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let counts = json!([count(&key["id"], "accepted", 1)]);
    let sent = (0..8).map(|_| report(&scene.house, &verifier, 1, &counts));
    assert!(futures_util::future::join_all(sent).await.iter().all(|answer| *answer == done()));
    assert_eq!(usage(&scene, &key, "").await["totals"]["accepted"], 1);
}

async fn what_is_no_report_is_refused(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = &json!(scene.house.keys.secret.id().to_string());
    let good = json!({ "spool": SPOOL, "sequence": 1, "counts": [count(key, "accepted", 1)] });
    let with = |pointer: &str, value: Value| {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report
    };
    let many: Vec<_> = (0..2001).map(|_| count(key, "accepted", 1)).collect();
    for wrong in [
        with("/spool", json!("AAAA")),
        with("/spool", json!("AAAAAAAAAAAAAAA=")),
        with("/sequence", json!(0)),
        with("/sequence", json!(-1)),
        with("/sequence", json!(u64::MAX)),
        with("/counts", json!(many)),
        with("/counts/0/outcome", json!("painted")),
        with("/counts/0/outcome", json!("shadow:paint")),
        with("/counts/0/key", json!("key_1")),
        with("/counts/0/count", json!(u64::MAX)),
        with("/counts/0", json!({ "key": key })),
        json!({}),
    ] {
        assert_eq!(send(&scene.house, &verifier, &wrong).await, (422, "invalid_input".into()), "{wrong}");
    }
    assert_eq!(send(&scene.house, &verifier, &json!("x")).await.0, 422);
    // Nothing of it was counted.
    assert_eq!(send(&scene.house, &verifier, &good).await, done());
}

async fn counts_are_shown_by_the_hour_and_by_the_day(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let hour = NOW - NOW % 3600;
    let at = |hour: u64, count: u64| json!({ "key": key["id"], "hour": hour, "outcome": "accepted", "count": count, "last_at": hour });
    let counts = json!([
        at(hour, 1),
        at(hour - 3600, 2),
        at(hour - 23 * 3600, 4),
        at(hour - 24 * 3600, 8),
        at(hour - 86_400 * 20, 16)
    ]);
    assert_eq!(report(&scene.house, &verifier, 1, &counts).await, done());
    let by_hour = usage(&scene, &key, "").await;
    assert_eq!(
        (&by_hour["interval"], &by_hour["since"], &by_hour["until"]),
        (&json!("hour"), &json!(hour - 23 * 3600), &json!(hour + 3600))
    );
    let points = by_hour["points"].as_array().unwrap();
    let accepted: Vec<_> = points.iter().map(|point| point["accepted"].as_u64().unwrap()).collect();
    assert_eq!((accepted.len(), accepted[0], accepted[22], accepted[23]), (24, 4, 2, 1));
    assert_eq!(by_hour["totals"]["accepted"], 7);
    let by_day = usage(&scene, &key, "?interval=day").await;
    assert_eq!((by_day["points"].as_array().unwrap().len(), &by_day["totals"]["accepted"]), (30, &json!(31)));
    assert!(by_day["points"].as_array().unwrap().iter().all(|point| point["at"].as_u64().unwrap() % 86_400 == 0));
    let some = usage(&scene, &key, &format!("?since={}&until={}", hour - 3600, hour)).await;
    assert_eq!(some["totals"]["accepted"], 2);
    for query in
        ["?since=5&until=4", "?since=5", "?interval=week", "?interval=day&since=5", "?until=99999999999", "?a=b"]
    {
        let answer = scene.admin.get(&scene.house, &format!("{}/usage{query}", path(&key))).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{query}");
    }
}

async fn who_may_see_the_key_sees_its_use(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let (viewer, stranger) = (scene.staff("vera", "viewer").await, scene.admin.stranger(&scene.house).await);
    let place = format!("{}/usage", path(&key));
    assert_eq!(viewer.get(&scene.house, &place).await.status, 200);
    assert_eq!(stranger.get(&scene.house, &place).await.refusal(), (404, "not_found"));
    let unknown = format!("/v1/keys/{}/usage", KeyId::from_bytes([9; 16]));
    assert_eq!(scene.admin.get(&scene.house, &unknown).await.refusal(), (404, "not_found"));
}

async fn sessions_are_counted_too(on: On) {
    let scene = Scene::new(on).await;
    let input = scene.publishable(json!({ "environment": "live", "origins": ["https://a.example"], "shadow": [] }));
    let strict = scene.create(input).await;
    let open = scene.create(scene.publishable(json!({}))).await;
    for _ in 0..2 {
        assert_eq!(scene.mint(&open).await, 201);
        assert_eq!(scene.mint(&strict).await, 403);
    }
    scene.house.issuer.registry().wind().await.unwrap();
    assert_eq!(scene.mint(&open).await, 201);
    scene.house.issuer.registry().wind().await.unwrap();
    assert_eq!(usage(&scene, &open, "").await["totals"]["minted"], 3);
    let refused = usage(&scene, &strict, "").await["totals"].clone();
    assert_eq!((&refused["minted"], &refused["mints_refused"]), (&json!(0), &json!({ "origin_not_allowed": 2 })));
    assert_eq!(scene.show(&strict).await["last_used_at"], Value::Null);
}

async fn a_reported_use_ends_the_key_before_it(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let old = scene.create(scene.secret(json!({}))).await;
    scene.admin.confirm(&scene.house).await;
    let new = scene.act(&old, "roll", json!({ "grace": "first_use" })).await.json;
    assert_eq!(report(&scene.house, &verifier, 1, &json!([count(&new["id"], "key_disabled", 1)])).await, done());
    assert_eq!(scene.show(&old).await["state"], "rolling");
    assert_eq!(report(&scene.house, &verifier, 2, &json!([count(&new["id"], "accepted", 1)])).await, done());
    assert_eq!(scene.show(&old).await["state"], "revoked");
    assert_eq!(scene.audit(1).await, [("key.end".to_owned(), Value::Null)]);
    assert_eq!(reporter(&scene).await, verifier.id.to_string());
    assert_eq!(report(&scene.house, &verifier, 3, &json!([count(&new["id"], "accepted", 1)])).await, done());
    assert_ne!(scene.audit(2).await[1].0, "key.end");
    // Verifiers hear of it.
    let answer = scene.house.send(verifier.get("/v1/directory")).await;
    let line = answer.text.lines().find(|line| line.contains(old["id"].as_str().unwrap())).unwrap();
    assert!(line.contains("\"revoked\":true"), "{line}");
}

async fn a_reported_leak_is_recorded_once(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    assert!(SecretKey::parse(key["secret"].as_str().unwrap()).is_ok());
    let publishable = scene.create(scene.publishable(json!({}))).await;
    let counts =
        json!([count(&key["id"], "secret_key_in_browser", 7), count(&publishable["id"], "secret_key_in_browser", 1)]);
    for sequence in 1..=2 {
        assert_eq!(report(&scene.house, &verifier, sequence, &counts).await, done());
        assert_eq!(scene.show(&key).await["leaked_at"], NOW);
        assert_eq!(reporter(&scene).await, verifier.id.to_string());
        assert_eq!(scene.audit(2).await.iter().filter(|(action, _)| action == "key.leak").count(), 1);
    }
    assert_eq!(scene.show(&publishable).await["leaked_at"], Value::Null);
    assert_eq!(scene.show(&key).await["last_used_at"], Value::Null);
}

/// The verifier that the newest line of the audit names.
async fn reporter(scene: &Scene) -> String {
    let path = format!("/v1/audit-events?organization={}&limit=1", scene.organization);
    let answer = scene.admin.get(&scene.house, &path).await;
    answer.json["data"][0]["detail"]["verifier"].as_str().unwrap().to_owned()
}

async fn counters_do_not_overflow(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let (most, many) = (100_000_000_000_000_u64, 1_000_000_000_000_u64);
    let counts: Vec<_> =
        ["accepted", "shadow:cidrs"].into_iter().flat_map(|o| vec![count(&key["id"], o, many); 99]).collect();
    assert_eq!(report(&scene.house, &verifier, 1, &json!(counts)).await, done());
    let of = async || {
        let totals = usage(&scene, &key, "").await["totals"].clone();
        (
            totals["accepted"].as_u64().unwrap(),
            totals["shadowed"]["cidrs"].as_u64().unwrap(),
            scene.show(&key).await["shadow_refusals"].as_u64().unwrap(),
        )
    };
    assert_eq!(of().await, (most - many, most - many, most - many));
    assert_eq!(report(&scene.house, &verifier, 2, &json!(counts)).await, done());
    assert_eq!(of().await, (most, most, most));
    // One that is too much at once, and whatever was counted before.
    let huge = vec![count(&key["id"], "key_expired", many); 2000];
    assert_eq!(report(&scene.house, &verifier, 3, &json!(huge)).await, done());
    assert_eq!(usage(&scene, &key, "").await["totals"]["refused"]["key_expired"], most);
    assert_eq!(report(&scene.house, &verifier, 4, &json!(counts)).await, done());
    assert_eq!(of().await, (most, most, most));
}

async fn a_verifier_has_so_many_series_and_no_more(on: On) {
    let scene = Scene::new(on).await;
    let (verifier, other) = (Verifier::add(&scene.house).await, Verifier::add(&scene.house).await);
    let series = |n: u64, sequence: u64| json!({ "spool": format!("{n:016}"), "sequence": sequence, "counts": [] });
    assert_eq!(send(&scene.house, &verifier, &series(0, 1)).await, done());
    // Those of many other processes.
    let others = "INSERT INTO usage_spools (verifier_id, spool, sequence, taken_at) \
        WITH RECURSIVE n (i) AS (SELECT CAST(1000000000000001 AS BIGINT) UNION ALL \
        SELECT i + 1 FROM n WHERE i < 1000000000004095) \
        SELECT verifier_id, CAST(i AS TEXT), 1, taken_at FROM usage_spools, n";
    assert_eq!(scene.house.place.execute(others).await, 4095);
    assert_eq!(send(&scene.house, &other, &series(0, 1)).await, done());
    assert_eq!(send(&scene.house, &verifier, &series(0, 2)).await, done());
    assert_eq!(
        scene.house.place.execute("UPDATE usage_spools SET taken_at = taken_at - 1 WHERE sequence = 1").await,
        4096
    );
    // One of those that rested goes.
    assert_eq!(send(&scene.house, &verifier, &series(1, 1)).await, done());
    assert_eq!(send(&scene.house, &verifier, &series(0, 3)).await, done());
    assert_eq!(send(&scene.house, &verifier, &series(1, 2)).await, done());
    assert_eq!(send(&scene.house, &verifier, &series(1_000_000_000_000_001, 2)).await, done());
    assert_eq!(send(&scene.house, &verifier, &series(1_000_000_000_004_095, 2)).await, (409, "conflict".into()));
    assert_eq!(send(&scene.house, &other, &series(0, 2)).await, done());
    assert_eq!(scene.house.place.execute("DELETE FROM usage_spools").await, 4097);
}

async fn a_verifier_that_reports_too_often_is_told_to_wait(on: On) {
    let house = House::new(on).await;
    let (verifier, other) = (Verifier::add(&house).await, Verifier::add(&house).await);
    let empty = json!({ "spool": SPOOL, "sequence": 1, "counts": [] });
    for _ in 0..1200 {
        assert_eq!(send(&house, &verifier, &json!({})).await, (422, "invalid_input".into()));
    }
    assert_eq!(send(&house, &verifier, &empty).await, (429, "rate_limited".into()));
    assert_eq!(send(&house, &other, &empty).await, done());
}

async fn a_time_that_cannot_be_is_made_one_that_can(on: On) {
    let scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    let at = |hour: u64, last_at: u64| json!({ "key": key["id"], "hour": hour, "outcome": "accepted", "count": 1, "last_at": last_at });
    let counts = json!([at(0, 0), at(u64::MAX, u64::MAX), at(NOW + 10_000, NOW - 1)]);
    assert_eq!(report(&scene.house, &verifier, 1, &counts).await, done());
    assert_eq!(scene.show(&key).await["last_used_at"], NOW + 300);
    let ahead = NOW + 300;
    let by_day = usage(&scene, &key, "?interval=day&since=1696000000").await;
    let used: Vec<_> = by_day["points"].as_array().unwrap().iter().filter(|point| point["accepted"] != 0).collect();
    let oldest = NOW - 40 * 86_400;
    let point = |at: u64, count: u64| (json!(at - at % 86_400), json!(count));
    let shown: Vec<_> = used.iter().map(|point| (point["at"].clone(), point["accepted"].clone())).collect();
    assert_eq!(shown, [point(oldest, 1), point(ahead, 2)]);
}

async fn old_counts_are_forgotten(on: On) {
    let mut scene = Scene::new(on).await;
    let verifier = Verifier::add(&scene.house).await;
    let key = scene.create(scene.secret(json!({}))).await;
    assert_eq!(report(&scene.house, &verifier, 1, &json!([count(&key["id"], "accepted", 1)])).await, done());
    scene.pass(399 * 86_400).await;
    scene.house.issuer.registry().forget().await.unwrap();
    assert_eq!(usage(&scene, &key, "?interval=day&since=1700000000").await["totals"]["accepted"], 1);
    scene.pass(3 * 86_400).await;
    scene.house.issuer.registry().forget().await.unwrap();
    let shown = usage(&scene, &key, &format!("?interval=day&since=1700000000&until={}", 1_700_000_000 + 86_400)).await;
    assert_eq!(shown["totals"]["accepted"], 0);
    assert!(scene.clock.now() > NOW);
}
