//! Signing in and out.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::Method;
use http::header::USER_AGENT;
use serde_json::{Value, json};

use crate::house::{CATALOGUE, House, Moving, NOW, On, Seeded};
use crate::person::{PASSWORD, Person, request, visit};

on_each_database!(
    a_refusal_tells_nothing,
    whoever_guesses_waits,
    sign_ins_are_listed_and_ended,
    behind_a_trusted_proxy_each_caller_has_an_address,
    who_makes_cookies_up_is_stopped_before_the_store,
    signing_out_takes_the_cookie_back_whatever_it_is_worth,
    a_password_asked_again_counts_for_five_minutes_and_one_sign_in,
    a_sign_in_ends_by_itself
);

/// The body without what differs for every request.
fn told(mut body: Value) -> Value {
    for member in ["request_id", "server_time"] {
        body.as_object_mut().unwrap().remove(member).unwrap();
    }
    body
}

async fn a_refusal_tells_nothing(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let sign_in = async |email: &str, password: &str| {
        visit(&house, "/v1/sign-ins", &json!({ "email": email, "password": password })).await
    };
    let wrong = sign_in(&ada.email, "wrong horse battery").await;
    assert_eq!(wrong.refusal(), (401, "sign_in_refused"));
    for (email, password) in [("nobody@shop.example", PASSWORD), ("ada@shop.example", ""), ("ada@shop.exampl", "a")] {
        let other = sign_in(email, password).await;
        assert_eq!(other.status, wrong.status);
        assert_eq!(told(other.json.clone()), told(wrong.json.clone()), "{email}");
        let names = |answer: &crate::house::Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&other), names(&wrong));
        assert!(!other.headers.contains_key("set-cookie"));
    }
}

async fn whoever_guesses_waits(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let ada = Person::set_up(&house).await;
    for email in [&*ada.email, "nobody@shop.example"] {
        let sign_in = async |password: &str| {
            visit(&house, "/v1/sign-ins", &json!({ "email": email, "password": password })).await
        };
        for _ in 0..5 {
            assert_eq!(sign_in("wrong horse battery").await.refusal(), (401, "sign_in_refused"));
        }
        // The right password waits like a wrong one.
        for password in ["wrong horse battery", PASSWORD] {
            let answer = sign_in(password).await;
            assert_eq!(answer.refusal(), (429, "rate_limited"));
            assert_eq!(answer.header("retry-after"), "1");
        }
        clock.pass(1);
        assert_eq!(sign_in("wrong horse battery").await.refusal(), (401, "sign_in_refused"));
        clock.pass(1);
        let answer = sign_in(PASSWORD).await;
        assert_eq!((answer.refusal(), answer.header("retry-after")), ((429, "rate_limited"), "1"));
        clock.pass(1);
        assert_eq!(sign_in("wrong horse battery").await.refusal(), (401, "sign_in_refused"));
        assert_eq!(sign_in(PASSWORD).await.header("retry-after"), "4");
    }
    clock.pass(4);
    ada.sign_in(&house).await;
    // What was right forgets what was wrong.
    let wrong = json!({ "email": ada.email, "password": "wrong horse battery" });
    assert_eq!(visit(&house, "/v1/sign-ins", &wrong).await.refusal(), (401, "sign_in_refused"));
    ada.sign_in(&house).await;
}

async fn sign_ins_are_listed_and_ended(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let credentials = json!({ "email": ada.email, "password": ada.password });
    let mut with_name = request(Method::POST, "/v1/sign-ins", Some(credentials));
    with_name.headers_mut().insert(USER_AGENT, "Browser/1".parse().unwrap());
    let second = Person::of(&house.send(with_name).await, PASSWORD);
    let third = ada.sign_in(&house).await;

    let listed = second.get(&house, "/v1/sign-ins").await.json;
    let data = listed["data"].as_array().unwrap();
    let ids: Vec<_> = data.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), &listed["next_cursor"]), (3, &Value::Null));
    let own = data.iter().find(|entry| entry["id"] == *second.sign_in).unwrap();
    let expected = json!({
        "id": second.sign_in, "address": "192.0.2.1", "user_agent": "Browser/1", "created_at": NOW,
        "last_seen_at": NOW, "expires_at": NOW + 604_800, "current": true, "confirmed_until": null,
    });
    assert_eq!(*own, expected);
    assert!(data.iter().all(|entry| entry["current"] == (entry["id"] == *second.sign_in)));

    let end = |sign_in: &str| format!("/v1/sign-ins/{sign_in}");
    assert_eq!(ada.delete(&house, &end(&second.sign_in)).await.status, 204);
    assert_eq!(second.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    assert_eq!(ada.delete(&house, &end(&second.sign_in)).await.refusal(), (404, "not_found"));
    assert_eq!(ada.delete(&house, &end(&ada.id)).await.refusal(), (404, "not_found"));

    // Nobody ends what is somebody else's.
    let eve = ada.invite(&house, &ada.organization(&house).await, "eve@shop.example", "member", json!([])).await;
    assert_eq!(eve.delete(&house, &end(&ada.sign_in)).await.refusal(), (404, "not_found"));
    let others = third.post(&house, "/v1/sign-ins/end-others", Value::Null).await;
    assert_eq!((others.status.as_u16(), others.json), (200, json!({ "ended": 1 })));
    assert_eq!(ada.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    assert_eq!(third.get(&house, "/v1/me").await.status, 200);
    assert_eq!(eve.get(&house, "/v1/me").await.status, 200);
}

async fn behind_a_trusted_proxy_each_caller_has_an_address(on: On) {
    let settings = format!("trusted_proxies = [\"192.0.2.1\"]\n{CATALOGUE}");
    let house = House::with(on, &settings, Arc::new(Seeded::default())).await;
    let ada = Person::set_up(&house).await;
    let from = async |address: &'static str, path: &str, body: Value| {
        let mut request = request(Method::POST, path, Some(body));
        request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        house.send(request).await
    };
    let mut served = 0;
    while from("198.51.100.1", "/v1/sign-ins/sign-out", Value::Null).await.status == 204 {
        served += 1;
    }
    assert_eq!(served, 120);
    let credentials = json!({ "email": ada.email, "password": ada.password });
    assert_eq!(from("198.51.100.1", "/v1/sign-ins", credentials.clone()).await.refusal(), (429, "rate_limited"));
    let second = Person::of(&from("198.51.100.1, 198.51.100.2", "/v1/sign-ins", credentials).await, PASSWORD);
    let listed = second.get(&house, "/v1/sign-ins").await.json;
    let listed = listed["data"].as_array().unwrap().iter().find(|sign_in| sign_in["id"] == *second.sign_in).unwrap();
    assert_eq!(listed["address"], "198.51.100.2");
}

async fn who_makes_cookies_up_is_stopped_before_the_store(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let ada = Person::set_up(&house).await;
    let mut nobody = ada.clone();
    nobody.cookie = format!("doorkey={}", "A".repeat(43));
    for _ in 0..120 {
        assert_eq!(nobody.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    }
    assert_eq!(nobody.get(&house, "/v1/me").await.refusal(), (429, "rate_limited"));
    // Whose cookie it is takes the store, so here a good one is not even looked at; elsewhere it is.
    assert_eq!(ada.get(&house, "/v1/me").await.refusal(), (429, "rate_limited"));
    let mut elsewhere = request(Method::GET, "/v1/me", None);
    elsewhere.headers_mut().insert("cookie", ada.cookie.parse().unwrap());
    elsewhere.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 2], 5000))));
    assert_eq!(house.send(elsewhere).await.status, 200);
    // Good cookies use nothing up.
    clock.pass(1);
    for _ in 0..200 {
        assert_eq!(ada.get(&house, "/v1/me").await.status, 200);
    }
}

async fn signing_out_takes_the_cookie_back_whatever_it_is_worth(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let mut garbage = ada.clone();
    garbage.cookie = "doorkey=garbage".into();
    let mut nobody = ada.clone();
    nobody.cookie = "other=1".into();
    for person in [&ada, &ada, &garbage, &nobody] {
        let answer = person.post(&house, "/v1/sign-ins/sign-out", Value::Null).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("set-cookie"), "doorkey=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(ada.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
}

async fn a_password_asked_again_counts_for_five_minutes_and_one_sign_in(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let ada = Person::set_up(&house).await;
    let other = ada.sign_in(&house).await;
    let until = async |person: &Person| {
        let listed = person.get(&house, "/v1/sign-ins").await.json;
        let own = listed["data"].as_array().unwrap().iter().find(|entry| entry["current"] == true).unwrap().clone();
        own["confirmed_until"].clone()
    };
    let wrong = ada.post(&house, "/v1/sign-ins/confirm", json!({ "password": "wrong" })).await;
    assert_eq!(wrong.refusal(), (401, "sign_in_refused"));
    assert_eq!(until(&ada).await, Value::Null);
    ada.confirm(&house).await;
    assert_eq!(until(&ada).await, NOW + 300);
    assert_eq!(until(&other).await, Value::Null);
    clock.pass(299);
    assert_eq!(until(&ada).await, NOW + 300);
    clock.pass(1);
    assert_eq!(until(&ada).await, Value::Null);
}

async fn a_sign_in_ends_by_itself(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let ada = Person::set_up(&house).await;
    clock.pass(24 * 3600 - 1);
    let fresh = ada.sign_in(&house).await;
    clock.pass(1);
    assert_eq!(ada.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    assert_eq!(fresh.get(&house, "/v1/me").await.status, 200);

    // What has expired is forgotten; `fresh` has 86 399 seconds left.
    clock.pass(6 * 24 * 3600);
    house.issuer.registry().forget().await.unwrap();
    assert_eq!(house.place.execute("DELETE FROM sign_ins").await, 1);
}
