//! Custom roles.

use http::Method;
use serde_json::json;

use super::{Scene, column, id};
use crate::house::On;

on_each_database!(
    a_custom_role_is_made_and_changed,
    a_custom_role_never_exceeds_its_creator,
    a_role_that_somebody_has_cannot_be_deleted,
    a_stale_revision_is_refused
);

async fn a_custom_role_is_made_and_changed(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin, roles) = (&scene.house, &scene.admin, scene.in_organization("/roles"));
    let input =
        json!({ "name": "Painters", "description": "They paint", "scopes": ["pictures:write", "pictures:read"] });
    let created = admin.post(house, &roles, input.clone()).await;
    assert_eq!(created.json["scopes"], json!(["pictures:read", "pictures:write"]));
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(admin.post(house, &roles, input).await.refusal(), (409, "conflict"));
    let path = scene.in_organization(&format!("/roles/{}", id(&created)));
    assert_eq!(scene.viewer.get(house, &path).await.json, created.json);
    let changed = admin.patch(house, &path, json!({ "scopes": [] })).await;
    assert_eq!((changed.json["name"].as_str(), &changed.json["scopes"]), (Some("Painters"), &json!([])));
    for name in ["admin", "Admin", "MEMBER", "editor", "Viewer", "custom", "", " a", "a\nb"] {
        let answer = admin.post(house, &roles, json!({ "name": name, "scopes": [] })).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{name:?}");
        assert_eq!(answer.json["fields"][0]["field"], "name");
        assert_eq!(admin.patch(house, &path, json!({ "name": name })).await.refusal(), (422, "invalid_input"));
    }
    for scope in ["pictures:paint", "doorkey.keys:delete", "pictures", ""] {
        let answer = admin.post(house, &roles, json!({ "name": "New", "scopes": [scope] })).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{scope:?}");
    }
    assert_eq!(column(&admin.get(house, &roles).await, "name"), ["Painters"]);
    // In another organization it is not there.
    let other = scene.stranger.organization(house).await;
    let elsewhere = format!("/v1/organizations/{other}/roles/{}", id(&created));
    assert_eq!(scene.stranger.get(house, &elsewhere).await.refusal(), (404, "not_found"));
    assert_eq!(scene.stranger.delete(house, &elsewhere).await.refusal(), (404, "not_found"));
    assert_eq!(admin.delete(house, &path).await.status, 204);
    assert_eq!(admin.get(house, &path).await.refusal(), (404, "not_found"));
}

async fn a_custom_role_never_exceeds_its_creator(on: On) {
    let scene = Scene::new(on).await;
    let (house, roles) = (&scene.house, scene.in_organization("/roles"));
    let own = ["doorkey.roles:write", "doorkey.members:read", "pictures:read"];
    let creator = scene.with_role("creator", &scene.role("Creator", &own).await).await;
    for scopes in [&["pictures:write"][..], &["doorkey.keys:read"], &["pictures:read", "doorkey.audit:read"]] {
        let answer = creator.post(house, &roles, json!({ "name": "More", "scopes": scopes })).await;
        assert_eq!(answer.refusal(), (403, "exceeds_creator"), "{scopes:?}");
    }
    let less = creator.post(house, &roles, json!({ "name": "Less", "scopes": ["pictures:read/cats"] })).await;
    let path = scene.in_organization(&format!("/roles/{}", id(&less)));
    let answer = creator.patch(house, &path, json!({ "scopes": ["pictures:write"] })).await;
    assert_eq!(answer.refusal(), (403, "exceeds_creator"));
    assert_eq!(creator.patch(house, &path, json!({ "scopes": ["pictures:read"] })).await.status, 200);
    // Nor is a role that permits more theirs to change or delete.
    let more = scene.in_organization(&format!("/roles/{}", scene.role("More", &["pictures:write"]).await));
    assert_eq!(creator.patch(house, &more, json!({ "scopes": [] })).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(creator.delete(house, &more).await.refusal(), (403, "exceeds_creator"));
}

async fn a_role_that_somebody_has_cannot_be_deleted(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let role = scene.role("Painters", &["pictures:write"]).await;
    let path = scene.in_organization(&format!("/roles/{role}"));
    let refused = async || assert_eq!(admin.delete(house, &path).await.refusal(), (409, "conflict"));
    let give = async |role: &str| {
        let given = admin.patch(house, &scene.member_path(&scene.member), json!({ "role": role })).await;
        assert_eq!(given.status, 200, "{}", given.json);
    };
    give(&role).await;
    refused().await;
    give("member").await;
    let in_workspace = scene.in_workspace(&format!("/members/{}", scene.member.id));
    assert_eq!(admin.put(house, &in_workspace, json!({ "role": role })).await.status, 200);
    refused().await;
    assert_eq!(admin.delete(house, &in_workspace).await.status, 204);
    let invitations = scene.in_organization("/invitations");
    let workspaces = json!([{ "workspace": scene.workspace, "role": role }]);
    for input in [
        json!({ "email": "new@shop.example", "role": role, "workspaces": [] }),
        json!({ "email": "new@shop.example", "role": "member", "workspaces": workspaces }),
    ] {
        assert_eq!(admin.post(house, &invitations, input).await.status, 201);
        refused().await;
    }
    let input = json!({ "email": "new@shop.example", "role": "member", "workspaces": [] });
    assert_eq!(admin.post(house, &invitations, input).await.status, 201);
    assert_eq!(admin.delete(house, &path).await.status, 204);
}

async fn a_stale_revision_is_refused(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let role = scene.in_organization(&format!("/roles/{}", scene.role("Painters", &[]).await));
    let member = scene.member_path(&scene.member);
    let readers = scene.role("Readers", &["pictures:read"]).await;
    for (path, changes) in [
        (scene.in_organization(""), [json!({ "name": "One" }), json!({ "name": "Two" })]),
        (scene.in_workspace(""), [json!({ "name": "One" }), json!({ "name": "Two" })]),
        (role, [json!({ "name": "One" }), json!({ "name": "Two" })]),
        (member, [json!({ "role": readers }), json!({ "role": "member" })]),
    ] {
        let shown = admin.get(house, &path).await;
        let send = async |tag: &str, changes: &serde_json::Value| {
            let mut request = admin.request(Method::PATCH, &path, Some(changes.clone()));
            request.headers_mut().insert("if-match", tag.parse().unwrap());
            house.send(request).await
        };
        let first = send(shown.header("etag"), &changes[0]).await;
        assert_eq!(first.status, 200, "{path}: {}", first.json);
        let stale = send(shown.header("etag"), &changes[1]).await;
        assert_eq!(stale.refusal(), (412, "precondition_failed"), "{path}");
        assert_eq!(admin.get(house, &path).await.json, first.json);
        assert_eq!(send(first.header("etag"), &changes[1]).await.status, 200);
        assert_eq!(send("*", &changes[0]).await.status, 200);
    }
}
