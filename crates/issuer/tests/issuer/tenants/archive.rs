//! What is archived cannot be used until it is unarchived.

use serde_json::{Value, json};

use super::Scene;
use crate::house::On;

on_each_database!(keys_of_what_is_archived_cannot_be_used_or_created);

async fn keys_of_what_is_archived_cannot_be_used_or_created(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let mint = async || house.send(house.browser().request()).await;
    let new_key = json!({ "workspace": scene.workspace, "kind": "secret", "environment": "test" });
    for place in [scene.in_workspace(""), scene.in_organization("")] {
        let (archive, unarchive) = (format!("{place}/archive"), format!("{place}/unarchive"));
        assert_eq!(mint().await.status, 201, "{place}");
        let archived = admin.post(house, &archive, Value::Null).await;
        assert_eq!(archived.json["archived_at"], 1_700_000_000);
        // Again it is no change.
        assert_eq!(admin.post(house, &archive, Value::Null).await.header("etag"), archived.header("etag"));
        assert_eq!(mint().await.status, 401, "{place}");
        assert_eq!(admin.post(house, "/v1/keys", new_key.clone()).await.refusal(), (409, "conflict"));
        let keys = admin.get(house, &format!("/v1/keys?workspace={}", scene.workspace)).await;
        assert_eq!(keys.json["data"][0]["archived"], true);
        assert_eq!(admin.post(house, &unarchive, Value::Null).await.json["archived_at"], Value::Null);
        assert_eq!(mint().await.status, 201, "{place}");
        assert_eq!(admin.post(house, "/v1/keys", new_key.clone()).await.status, 201);
    }
    // Nothing new comes into an organization that is archived.
    assert_eq!(admin.post(house, &scene.in_organization("/archive"), Value::Null).await.status, 200);
    let member = scene.in_workspace(&format!("/members/{}", scene.member.id));
    for answer in [
        admin.post(house, &scene.in_organization("/workspaces"), json!({ "name": "New" })).await,
        admin.post(house, &scene.in_organization("/roles"), json!({ "name": "New", "scopes": [] })).await,
        admin.put(house, &member, json!({ "role": "viewer" })).await,
        admin.patch(house, &scene.member_path(&scene.member), json!({ "role": "admin" })).await,
    ] {
        assert_eq!(answer.refusal(), (409, "conflict"));
    }
    // Who must go can go at any time.
    assert_eq!(admin.delete(house, &scene.member_path(&scene.editor)).await.status, 204);
}
