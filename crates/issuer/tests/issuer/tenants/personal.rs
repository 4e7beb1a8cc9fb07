//! Personal keys follow their owners.

use serde_json::{Value, json};

use super::{Scene, id};
use crate::house::On;
use crate::person::Person;

on_each_database!(
    a_member_who_is_removed_takes_the_personal_keys_along,
    a_smaller_role_makes_smaller_keys,
    a_key_that_was_converted_stays
);

async fn personal_key(scene: &Scene, person: &Person) -> String {
    let input = json!({
        "owner": "personal", "workspace": scene.workspace, "kind": "secret", "environment": "test",
        "scopes": ["pictures:read", "pictures:write"],
    });
    format!("/v1/keys/{}", id(&person.post(&scene.house, "/v1/keys", input).await))
}

async fn a_member_who_is_removed_takes_the_personal_keys_along(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let key = personal_key(&scene, &scene.editor).await;
    assert_eq!(admin.get(house, &key).await.json["state"], "active");
    // Protected or not.
    assert_eq!(scene.editor.post(house, &format!("{key}/protect"), Value::Null).await.status, 200);
    assert_eq!(admin.delete(house, &scene.member_path(&scene.editor)).await.status, 204);
    assert_eq!(admin.get(house, &key).await.json["state"], "revoked");
    assert_eq!(scene.editor.get(house, &key).await.refusal(), (404, "not_found"));
    let events = format!("/v1/audit-events?action=key.revoke&organization={}", scene.organization);
    let events = admin.get(house, &events).await;
    assert_eq!(events.json["data"][0]["actor"]["id"], admin.id);
    assert_eq!(events.json["data"][0]["detail"]["because"], "its owner's role changed or ended");
}

async fn a_smaller_role_makes_smaller_keys(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let role = scene.role("Painters", &["pictures:read", "pictures:write", "doorkey.keys:write"]).await;
    let role_path = scene.in_organization(&format!("/roles/{role}"));
    let path = scene.in_workspace(&format!("/members/{}", scene.editor.id));
    let key = personal_key(&scene, &scene.editor).await;
    let scopes = async || admin.get(house, &key).await.json["scopes"].clone();
    assert_eq!(admin.put(house, &path, json!({ "role": role })).await.status, 200);
    assert_eq!(scopes().await, json!(["pictures:read", "pictures:write"]));
    // What the role means counts as much as which one it is.
    let changes = json!({ "scopes": ["pictures:read", "pictures:write/cats", "doorkey.keys:write"] });
    assert_eq!(admin.patch(house, &role_path, changes).await.status, 200);
    assert_eq!(scopes().await, json!(["pictures:read", "pictures:write/cats"]));
    assert_eq!(admin.put(house, &path, json!({ "role": "viewer" })).await.status, 200);
    assert_eq!(scopes().await, json!(["pictures:read"]));
    // It does not grow back.
    assert_eq!(admin.put(house, &path, json!({ "role": "editor" })).await.status, 200);
    assert_eq!(scopes().await, json!(["pictures:read"]));
    assert_eq!(admin.delete(house, &path).await.status, 204);
    assert_eq!(admin.get(house, &key).await.json["state"], "revoked");
}

async fn a_key_that_was_converted_stays(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let key = personal_key(&scene, &scene.editor).await;
    let convert = format!("{key}/convert");
    assert_eq!(admin.post(house, &convert, Value::Null).await.refusal(), (403, "password_required"));
    admin.confirm(house).await;
    scene.editor.confirm(house).await;
    assert_eq!(scene.editor.post(house, &convert, Value::Null).await.refusal(), (403, "insufficient_scope"));
    assert_eq!(admin.post(house, &convert, Value::Null).await.json["owner"], "service");
    assert_eq!(admin.delete(house, &scene.member_path(&scene.editor)).await.status, 204);
    let shown = admin.get(house, &key).await.json;
    assert_eq!((&shown["state"], &shown["owner_id"]), (&json!("active"), &Value::Null));
}
