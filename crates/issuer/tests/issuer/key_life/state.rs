use doorkey_core::{Environment, ErrorCode, KeyKind};
use doorkey_issuer::{Actor, CreatedKey, KeyChanges, NewKey};
use serde_json::{Value, json};

use super::{Scene, path};
use crate::house::{NOW, On};

on_each_database!(
    a_protected_key_is_not_revoked_disabled_or_rolled,
    a_workspace_keeps_a_secret_key_that_can_be_used,
    a_key_that_nobody_has_seen_is_withdrawn_and_no_other,
    disabling_is_taken_back_and_revoking_is_not,
    an_expired_key_is_refused_at_its_second_and_noted_once,
    an_admin_turns_a_personal_key_into_a_service_key,
    a_use_is_seen_within_a_minute
);

async fn a_protected_key_is_not_revoked_disabled_or_rolled(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(json!({ "protected": true }))).await;
    scene.clock.pass(1000);
    for what in ["revoke", "disable"] {
        assert_eq!(scene.act(&key, what, Value::Null).await.refusal(), (409, "key_protected"), "{what}");
    }
    assert_eq!(scene.act(&key, "unprotect", Value::Null).await.refusal(), (403, "password_required"));
    scene.admin.confirm(&scene.house).await;
    assert_eq!(scene.act(&key, "roll", Value::Null).await.refusal(), (409, "key_protected"));
    assert_eq!(scene.act(&key, "unprotect", Value::Null).await.json["protected"], false);
    assert_eq!(scene.act(&key, "revoke", Value::Null).await.json["state"], "revoked");
    let audit = scene.audit(6).await;
    let of_key: Vec<_> = audit.iter().collect();
    let expected = [
        ("key.revoke", Value::Null),
        ("key.unprotect", Value::Null),
        ("key.roll", json!("key_protected")),
        ("key.unprotect", json!("password_required")),
        ("key.disable", json!("key_protected")),
        ("key.revoke", json!("key_protected")),
    ];
    let expected = expected.map(|(action, code)| (action.to_owned(), code));
    assert_eq!(of_key, expected.iter().collect::<Vec<_>>());
}

async fn a_workspace_keeps_a_secret_key_that_can_be_used(on: On) {
    let scene = Scene::new(on).await;
    let default = json!({ "id": scene.house.keys.secret.id().to_string() });
    for what in ["revoke", "disable"] {
        assert_eq!(scene.act(&default, what, Value::Null).await.refusal(), (409, "last_key"), "{what}");
    }
    // Neither one that expires before, nor a publishable one, nor one of the organization stands in for it.
    let expiring = scene.create(scene.secret(json!({ "expires_at": NOW + 10 }))).await;
    scene.create(scene.publishable(Value::Null)).await;
    let of = json!({ "organization": scene.organization, "kind": "secret", "environment": "test" });
    scene.create(of).await;
    scene.clock.pass(10);
    assert_eq!(scene.show(&expiring).await["state"], "expired");
    assert_eq!(scene.act(&default, "revoke", Value::Null).await.refusal(), (409, "last_key"));
    let other = scene.create(scene.secret(Value::Null)).await;
    let both = futures_util::future::join(
        scene.act(&default, "revoke", Value::Null),
        scene.act(&other, "disable", Value::Null),
    )
    .await;
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    // A roll leaves one behind, so it is free to end the last one at once.
    let last = if both.0.status == 409 { &default } else { &other };
    scene.admin.confirm(&scene.house).await;
    assert_eq!(scene.act(last, "roll", Value::Null).await.status, 201);
}

async fn a_key_that_nobody_has_seen_is_withdrawn_and_no_other(on: On) {
    let scene = Scene::new(on).await;
    let (registry, operator) = (scene.house.issuer.registry(), Actor::operator());
    let new = || NewKey::new(KeyKind::Secret, Environment::Test).with_protection();
    // The last of its workspace, and protected.
    let created = registry.create_key(&operator, new()).await.unwrap();
    let id = created.record().id;
    registry.revoke_key(&operator, scene.house.keys.secret.id()).await.unwrap();
    assert_eq!(registry.revoke_key(&operator, id).await.unwrap_err().code(), ErrorCode::KeyProtected);
    registry.withdraw_key(&operator, created).await.unwrap();
    assert_eq!(scene.show(&json!({ "id": id.to_string() })).await["state"], "revoked");

    let changed = registry.create_key(&operator, new()).await.unwrap();
    let renamed = KeyChanges { name: Some(Some("A".into())), ..KeyChanges::default() };
    let record = registry.change_key(&operator, changed.record().id, &renamed).await.unwrap();
    for seen in [changed, CreatedKey::Again { record: record.clone() }] {
        assert_eq!(registry.withdraw_key(&operator, seen).await.unwrap_err().code(), ErrorCode::Conflict);
    }
    assert_eq!(scene.show(&json!({ "id": record.id.to_string() })).await["state"], "active");
}

async fn disabling_is_taken_back_and_revoking_is_not(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(Value::Null)).await;
    assert_eq!(scene.mint(&key).await, 201);
    assert_eq!(scene.act(&key, "disable", Value::Null).await.json["state"], "disabled");
    assert_eq!(scene.mint(&key).await, 401);
    assert_eq!(scene.act(&key, "disable", Value::Null).await.status, 200);
    assert_eq!(scene.act(&key, "enable", Value::Null).await.json["state"], "active");
    assert_eq!(scene.mint(&key).await, 201);
    let revoked = scene.act(&key, "revoke", Value::Null).await;
    assert_eq!(scene.mint(&key).await, 401);
    scene.clock.pass(5);
    let again = scene.act(&key, "revoke", Value::Null).await;
    assert_eq!((again.status.as_u16(), &again.json), (200, &revoked.json));
    // What has been done already is no change, so the audit has one line of it.
    let revocations = scene.audit(100).await.iter().filter(|(action, _)| action == "key.revoke").count();
    assert_eq!(revocations, 1);
    for what in ["enable", "disable", "protect"] {
        assert_eq!(scene.act(&key, what, Value::Null).await.refusal(), (409, "conflict"), "{what}");
    }
    let edited = scene.admin.patch(&scene.house, &path(&key), json!({ "name": "Other" })).await;
    assert_eq!(edited.refusal(), (409, "conflict"));
}

async fn an_expired_key_is_refused_at_its_second_and_noted_once(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.publishable(json!({ "expires_at": NOW + 100 }))).await;
    scene.clock.pass(99);
    assert_eq!((scene.mint(&key).await, &scene.show(&key).await["state"]), (201, &json!("active")));
    scene.clock.pass(1);
    assert_eq!((scene.mint(&key).await, &scene.show(&key).await["state"]), (401, &json!("expired")));
    let registry = scene.house.issuer.registry();
    let wound = futures_util::future::join_all((0..5).map(|_| registry.wind())).await;
    assert_eq!(wound.into_iter().map(|wound| wound.unwrap().expired).sum::<usize>(), 1);
    assert_eq!(scene.audit(1).await, [("key.expire".to_owned(), Value::Null)]);
    // More time can be given.
    let later = scene.admin.patch(&scene.house, &path(&key), json!({ "expires_at": NOW + 200 })).await;
    assert_eq!((later.status.as_u16(), scene.mint(&key).await), (200, 201));
    scene.clock.pass(100);
    assert_eq!((scene.mint(&key).await, registry.wind().await.unwrap().expired), (401, 1));
}

async fn an_admin_turns_a_personal_key_into_a_service_key(on: On) {
    let scene = Scene::new(on).await;
    let editor = scene.staff("editor", "editor").await;
    let personal = scene.secret(json!({ "owner": "personal" }));
    let [kept, lost] = [personal.clone(), personal].map(|input| editor.post(&scene.house, "/v1/keys", input));
    let (kept, lost) = (kept.await.json, lost.await.json);
    editor.confirm(&scene.house).await;
    let convert = format!("{}/convert", path(&kept));
    assert_eq!(editor.post(&scene.house, &convert, Value::Null).await.refusal(), (403, "insufficient_scope"));
    assert_eq!(scene.act(&kept, "convert", Value::Null).await.refusal(), (403, "password_required"));
    scene.admin.confirm(&scene.house).await;
    let converted = scene.act(&kept, "convert", Value::Null).await.json;
    assert_eq!((&converted["owner"], &converted["owner_id"]), (&json!("service"), &Value::Null));
    assert_eq!(scene.act(&kept, "convert", Value::Null).await.refusal(), (409, "conflict"));
    let member = format!("/v1/organizations/{}/members/{}", scene.organization, editor.id);
    assert_eq!(scene.admin.delete(&scene.house, &member).await.status, 204);
    assert_eq!(scene.show(&kept).await["state"], "active");
    assert_eq!(scene.show(&lost).await["state"], "revoked");
}

async fn a_use_is_seen_within_a_minute(on: On) {
    let scene = Scene::new(on).await;
    let key =
        scene.create(scene.publishable(json!({ "origins": ["https://shop.example"], "shadow": ["origins"] }))).await;
    assert_eq!(scene.show(&key).await["last_used_at"], Value::Null);
    scene.clock.pass(7);
    assert_eq!(scene.mint(&key).await, 201);
    scene.house.issuer.registry().wind().await.unwrap();
    let shown = scene.show(&key).await;
    // A test key takes any loopback origin, so nothing was shadowed.
    assert_eq!((&shown["last_used_at"], &shown["shadow_refusals"]), (&json!(NOW + 7), &json!(0)));
    let live =
        scene.publishable(json!({ "environment": "live", "origins": ["https://shop.example"], "shadow": ["origins"] }));
    let live = scene.create(live).await;
    assert_eq!(scene.mint(&live).await, 201);
    assert_eq!(scene.mint(&live).await, 201);
    scene.house.issuer.registry().wind().await.unwrap();
    assert_eq!(scene.show(&live).await["shadow_refusals"], 2);
    let strict = scene.admin.patch(&scene.house, &path(&live), json!({ "shadow": [] })).await;
    assert_eq!((strict.status.as_u16(), scene.mint(&live).await), (200, 403));
}
