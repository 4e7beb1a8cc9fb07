use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::{Scene, outcome, path};
use crate::house::On;
use crate::person::{Person, request};

on_each_database!(
    each_role_may_do_what_it_may_and_nothing_else,
    no_key_and_no_token_manages_keys,
    a_key_that_tries_is_named_in_the_audit
);

/// What can be tried with a key, and what it takes besides the role.
const CHANGES: [&str; 6] = ["protect", "unprotect", "disable", "enable", "roll", "revoke"];

async fn each_role_may_do_what_it_may_and_nothing_else(on: On) {
    let scene = Scene::new(on).await;
    let Scene { house, admin, .. } = &scene;
    let editor = scene.staff("editor", "editor").await;
    let viewer = scene.staff("viewer", "viewer").await;
    let member = admin.invite(house, &scene.organization, "member@shop.example", "member", json!([])).await;
    let stranger = admin.stranger(house).await;
    let key = scene.create(scene.secret(json!({ "name": "Target" }))).await;

    let gone = (404, "not_found".to_owned());
    let forbidden = (403, "insufficient_scope".to_owned());
    for (person, reads, writes) in [
        (&viewer, None, Some(&forbidden)),
        (&member, Some(&gone), Some(&gone)),
        (&stranger, Some(&gone), Some(&gone)),
        (&editor, None, None),
        (admin, None, None),
    ] {
        person.confirm(house).await;
        let before = scene.show(&key).await;
        let read =
            |answer| assert_eq!(outcome(&answer), reads.cloned().unwrap_or((200, String::new())), "{}", person.email);
        read(person.get(house, &path(&key)).await);
        read(person.get(house, &format!("/v1/keys?workspace={}", scene.workspace)).await);

        let created = outcome(&person.post(house, "/v1/keys", scene.secret(Value::Null)).await);
        assert_eq!(created, writes.cloned().unwrap_or((201, String::new())), "{} creates", person.email);
        let edited = outcome(&person.patch(house, &path(&key), json!({ "name": person.name })).await);
        assert_eq!(edited, writes.cloned().unwrap_or((200, String::new())), "{} edits", person.email);
        let target = if writes.is_none() {
            let made = person.post(house, "/v1/keys", scene.secret(Value::Null)).await;
            made.json
        } else {
            key.clone()
        };
        for what in CHANGES {
            let done = outcome(&person.post(house, &format!("{}/{what}", path(&target)), Value::Null).await);
            // A roll ends the old key at once: there is nothing left to revoke, and that is no failure.
            let success = if what == "roll" { 201 } else { 200 };
            assert_eq!(done, writes.cloned().unwrap_or((success, String::new())), "{} {what}", person.email);
        }
        if writes.is_some() {
            assert_eq!(scene.show(&key).await, before, "{}", person.email);
        }
    }
    let nobody = house.send(request(Method::GET, &path(&key), None)).await;
    assert_eq!(nobody.refusal(), (401, "credential_missing"));
    let nobody = house.send(request(Method::POST, &format!("{}/revoke", path(&key)), None)).await;
    assert_eq!(nobody.refusal(), (401, "credential_missing"));
    assert_eq!(scene.show(&key).await["state"], "active");
}

async fn no_key_and_no_token_manages_keys(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(json!({ "scopes": null }))).await;
    let secret = key["secret"].as_str().unwrap();
    let page = scene.house.browser();
    let session = scene.house.send(page.request()).await;
    let before = scene.show(&key).await;
    for authorization in [
        format!("Bearer {secret}"),
        format!("Basic {}", base64(&format!("{secret}:"))),
        format!("Doorkey {}", session.json["token"].as_str().unwrap()),
        format!("Bearer {}", scene.house.keys.publishable),
        secret.to_owned(),
        "Bearer x".to_owned(),
    ] {
        // With a cookie that is good, too: whoever sends both is mistaken.
        for who in [None, Some(&scene.admin)] {
            for (method, path) in [(Method::GET, path(&key)), (Method::POST, format!("{}/revoke", path(&key)))] {
                let mut request = match who {
                    None => request(method, &path, None),
                    Some(person) => Person::request(person, method, &path, None),
                };
                request.headers_mut().insert(AUTHORIZATION, authorization.parse().unwrap());
                assert_eq!(scene.house.send(request).await.refusal(), (403, "keys_cannot_manage_keys"), "{path}");
            }
        }
    }
    let in_query = request(Method::GET, &format!("{}?api_key={secret}", path(&key)), None);
    assert_eq!(scene.house.send(in_query).await.refusal(), (403, "keys_cannot_manage_keys"));
    assert_eq!(scene.show(&key).await, before);
}

async fn a_key_that_tries_is_named_in_the_audit(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(json!({ "name": "Nightly import" }))).await;
    let mut request = request(Method::POST, &format!("{}/revoke", path(&key)), None);
    let bearer = format!("Bearer {}", key["secret"].as_str().unwrap());
    request.headers_mut().insert(AUTHORIZATION, bearer.parse().unwrap());
    scene.house.send(request).await.refusal();
    let events = format!("/v1/audit-events?organization={}&action=key.manage", scene.organization);
    let events = scene.admin.get(&scene.house, &events).await.json;
    assert_eq!(events["data"][0]["actor"]["name"], "Nightly import");
    assert_eq!(events["data"][0]["actor"]["kind"], "key");
    assert_eq!(events["data"][0]["code"], "keys_cannot_manage_keys");
    assert!(!events.to_string().contains(key["secret"].as_str().unwrap()));
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            (0..4).map(
                move |i| {
                    if i > chunk.len() { '=' } else { char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]) }
                },
            )
        })
        .collect()
}
