use serde_json::{Value, json};

use super::{Scene, outcome, path};
use crate::house::{NOW, On};

on_each_database!(
    a_roll_takes_the_password_again,
    the_old_key_ends_when_it_was_told_to,
    the_first_use_of_the_new_key_ends_the_old_one,
    a_new_key_that_is_revoked_unused_gives_the_old_one_back,
    one_after_the_other_is_not_rolled_away,
    a_personal_key_is_rolled_by_its_owner,
    the_same_roll_again_makes_one_key
);

fn page(scene: &Scene) -> Value {
    scene.publishable(json!({ "name": "Page", "origins": ["https://shop.example"], "scopes": ["pictures:read"] }))
}

async fn a_roll_takes_the_password_again(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(page(&scene)).await;
    assert_eq!(scene.act(&key, "roll", Value::Null).await.refusal(), (403, "password_required"));
    scene.admin.confirm(&scene.house).await;
    // Another sign-in of the same person has not been asked.
    let elsewhere = scene.admin.sign_in(&scene.house).await;
    let rolled = elsewhere.post(&scene.house, &format!("{}/roll", path(&key)), Value::Null).await;
    assert_eq!(rolled.refusal(), (403, "password_required"));
    scene.clock.pass(300);
    assert_eq!(scene.act(&key, "roll", Value::Null).await.refusal(), (403, "password_required"));
    scene.admin.confirm(&scene.house).await;
    scene.clock.pass(299);
    assert_eq!(scene.act(&key, "roll", Value::Null).await.status, 201);
    let wrong = scene.admin.post(&scene.house, "/v1/sign-ins/confirm", json!({ "password": "something else" })).await;
    assert_eq!(wrong.refusal(), (401, "sign_in_refused"));
}

async fn the_old_key_ends_when_it_was_told_to(on: On) {
    let mut scene = Scene::new(on).await;
    for (input, seconds) in [
        (Value::Null, 0),
        (json!({ "grace": "none" }), 0),
        (json!({ "grace": "1h" }), 3600),
        (json!({ "grace": "24h" }), 86_400),
        (json!({ "grace": "3d" }), 259_200),
        (json!({ "grace": "7d" }), 604_800),
        (json!({ "ends_at": 0 }), 100),
    ] {
        let old = scene.create(page(&scene)).await;
        scene.admin.confirm(&scene.house).await;
        let now = scene.show(&old).await["created_at"].as_u64().unwrap();
        let input = if input["ends_at"].is_null() { input } else { json!({ "ends_at": now + seconds }) };
        let answer = scene.act(&old, "roll", input.clone()).await;
        assert_eq!(answer.status, 201, "{input} {}", answer.json);
        let new = answer.json;
        for member in ["name", "kind", "environment", "scopes", "origins", "workspace", "expires_at"] {
            assert_eq!(new[member], old[member], "{member}");
        }
        assert_ne!(new["id"], old["id"]);
        let linked = scene.show(&old).await;
        assert_eq!((&new["rolled_from"], &linked["rolled_to"]), (&old["id"], &new["id"]));
        assert_eq!(scene.mint(&new).await, 201);
        if seconds > 0 {
            scene.pass(seconds - 1).await;
            assert_eq!((scene.mint(&old).await, &scene.show(&old).await["state"]), (201, &json!("rolling")), "{input}");
            scene.pass(1).await;
        }
        // To the second, whether or not the clock-driven work was done.
        assert_eq!((scene.mint(&old).await, &scene.show(&old).await["state"]), (401, &json!("revoked")), "{input}");
        let registry = scene.house.issuer.registry();
        let wound = tokio::join!(registry.wind(), registry.wind());
        let ended = wound.0.unwrap().ended + wound.1.unwrap().ended;
        assert_eq!(ended, usize::from(seconds > 0), "{input}");
        assert_eq!(scene.show(&old).await["revoked_at"], now + seconds, "{input}");
        assert_eq!(registry.wind().await.unwrap().ended, 0);
    }
    for wrong in [
        json!({ "grace": "2h" }),
        json!({ "ends_at": NOW }),
        json!({ "ends_at": NOW + 400 * 86_400 + 1_000_000 }),
        json!({ "grace": "1h", "ends_at": NOW + 2_000_000 }),
    ] {
        let key = scene.create(page(&scene)).await;
        scene.admin.confirm(&scene.house).await;
        assert_eq!(scene.act(&key, "roll", wrong.clone()).await.refusal(), (422, "invalid_input"), "{wrong}");
        assert_eq!(scene.show(&key).await["state"], "active");
    }
}

async fn the_first_use_of_the_new_key_ends_the_old_one(on: On) {
    let scene = Scene::new(on).await;
    let old = scene.create(page(&scene)).await;
    scene.admin.confirm(&scene.house).await;
    let new = scene.act(&old, "roll", json!({ "grace": "first_use" })).await.json;
    scene.clock.pass(100 * 86_400);
    scene.house.issuer.registry().wind().await.unwrap();
    assert_eq!(scene.mint(&old).await, 201);
    assert_eq!(scene.mint(&new).await, 201);
    assert_eq!(scene.mint(&old).await, 401);
    let admin = scene.admin.sign_in(&scene.house).await;
    let shown = admin.get(&scene.house, &path(&old)).await.json;
    assert_eq!((&shown["state"], &shown["revoked_at"]), (&json!("revoked"), &json!(NOW + 100 * 86_400)));
    assert_eq!(scene.mint(&new).await, 201);
}

async fn a_new_key_that_is_revoked_unused_gives_the_old_one_back(on: On) {
    let scene = Scene::new(on).await;
    let old = scene.create(scene.secret(Value::Null)).await;
    scene.admin.confirm(&scene.house).await;
    let new = scene.act(&old, "roll", json!({ "grace": "first_use" })).await.json;
    assert_eq!(scene.show(&old).await["state"], "rolling");
    assert_eq!(scene.act(&new, "revoke", Value::Null).await.status, 200);
    let shown = scene.show(&old).await;
    assert_eq!((&shown["state"], &shown["rolled_to"]), (&json!("active"), &Value::Null));
}

async fn one_after_the_other_is_not_rolled_away(on: On) {
    let scene = Scene::new(on).await;
    let old = scene.create(scene.secret(Value::Null)).await;
    scene.admin.confirm(&scene.house).await;
    let new = scene.act(&old, "roll", json!({ "grace": "7d" })).await.json;
    assert_eq!(scene.act(&old, "roll", Value::Null).await.refusal(), (409, "conflict"));
    assert_eq!(scene.act(&new, "roll", Value::Null).await.refusal(), (409, "conflict"));
    assert_eq!(scene.act(&old, "revoke", Value::Null).await.status, 200);
    assert_eq!(scene.act(&new, "roll", Value::Null).await.status, 201);
    for (what, state) in [("disable", "disabled"), ("revoke", "revoked")] {
        let key = scene.create(scene.secret(Value::Null)).await;
        assert_eq!(scene.act(&key, what, Value::Null).await.json["state"], state);
        assert_eq!(scene.act(&key, "roll", Value::Null).await.refusal(), (409, "conflict"));
    }
}

async fn a_personal_key_is_rolled_by_its_owner(on: On) {
    let scene = Scene::new(on).await;
    let editor = scene.staff("editor", "editor").await;
    let own = editor.post(&scene.house, "/v1/keys", scene.secret(json!({ "owner": "personal" }))).await.json;
    scene.admin.confirm(&scene.house).await;
    editor.confirm(&scene.house).await;
    assert_eq!(scene.act(&own, "roll", Value::Null).await.refusal(), (403, "exceeds_creator"));
    let rolled = editor.post(&scene.house, &format!("{}/roll", path(&own)), Value::Null).await;
    assert_eq!((rolled.status.as_u16(), &rolled.json["owner_id"]), (201, &json!(editor.id)));
}

async fn the_same_roll_again_makes_one_key(on: On) {
    let scene = Scene::new(on).await;
    let old = scene.create(scene.secret(Value::Null)).await;
    scene.admin.confirm(&scene.house).await;
    let roll = async || {
        let mut request = scene.admin.request(http::Method::POST, &format!("{}/roll", path(&old)), None);
        request.headers_mut().insert("idempotency-key", "once".parse().unwrap());
        scene.house.send(request).await
    };
    let answers = futures_util::future::join_all((0..5).map(|_| roll())).await;
    assert!(answers.iter().all(|answer| outcome(answer).0 == 201 && answer.json["id"] == answers[0].json["id"]));
    assert_eq!(answers.iter().filter(|answer| !answer.json["secret"].is_null()).count(), 1);
}
