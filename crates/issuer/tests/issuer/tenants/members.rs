//! Nobody lifts themselves, and an organization keeps an admin.

use serde_json::{Value, json};

use super::{Scene, column};
use crate::house::On;

on_each_database!(
    nobody_changes_their_own_role,
    the_last_admin_stays,
    of_two_admins_who_demote_each_other_at_once_one_is_left,
    nobody_grants_more_than_they_have,
    everybody_else_may_leave,
    a_role_in_a_workspace_is_given_and_taken
);

/// All that manages an organization.
const STEWARD: [&str; 5] =
    ["doorkey.members:read", "doorkey.members:write", "doorkey.roles:write", "doorkey.keys:read", "pictures:read"];

async fn nobody_changes_their_own_role(on: On) {
    let scene = Scene::new(on).await;
    let house = &scene.house;
    let role = scene.role("Steward", &STEWARD).await;
    let steward = scene.with_role("steward", &role).await;
    let workspace_path = |id: &str| scene.in_workspace(&format!("/members/{id}"));
    for person in [&scene.admin, &steward] {
        for role in ["admin", "member"] {
            let answer = person.patch(house, &scene.member_path(person), json!({ "role": role })).await;
            assert_eq!(answer.refusal(), (403, "insufficient_scope"), "{}", answer.json);
        }
        let answer = person.put(house, &workspace_path(&person.id), json!({ "role": "viewer" })).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
        let answer = person.delete(house, &workspace_path(&person.id)).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
    }
    // Nor by what the role means, be it held in the organization or in a workspace.
    let path = scene.in_organization(&format!("/roles/{role}"));
    for changes in [json!({ "scopes": ["pictures:read"] }), json!({ "name": "Mine" })] {
        assert_eq!(steward.patch(house, &path, changes).await.refusal(), (403, "insufficient_scope"));
    }
    let other = scene.role("Other steward", &STEWARD).await;
    let input = json!({ "role": other });
    assert_eq!(scene.admin.patch(house, &scene.member_path(&steward), input).await.status, 200);
    assert_eq!(scene.admin.put(house, &workspace_path(&steward.id), json!({ "role": role })).await.status, 200);
    assert_eq!(steward.patch(house, &path, json!({ "name": "Mine" })).await.refusal(), (403, "insufficient_scope"));
    assert_eq!(steward.delete(house, &path).await.refusal(), (409, "conflict"));
}

async fn the_last_admin_stays(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let path = scene.member_path(admin);
    assert_eq!(admin.delete(house, &path).await.refusal(), (409, "conflict"));
    assert_eq!(admin.get(house, &path).await.json["role"], "admin");
    let second = scene.with_role("second", "admin").await;
    assert_eq!(second.patch(house, &path, json!({ "role": "member" })).await.status, 200);
    assert_eq!(admin.patch(house, &path, json!({ "role": "admin" })).await.refusal(), (403, "insufficient_scope"));
    assert_eq!(second.delete(house, &scene.member_path(&second)).await.refusal(), (409, "conflict"));
    assert_eq!(second.patch(house, &path, json!({ "role": "admin" })).await.status, 200);
    assert_eq!(second.delete(house, &scene.member_path(&second)).await.status, 204);
    assert_eq!(second.get(house, &path).await.refusal(), (404, "not_found"));
}

async fn of_two_admins_who_demote_each_other_at_once_one_is_left(on: On) {
    let scene = Scene::new(on).await;
    let (house, one) = (&scene.house, &scene.admin);
    let other = scene.with_role("second", "admin").await;
    let (path, other_path) = (scene.member_path(one), scene.member_path(&other));
    let input = || json!({ "role": "member" });
    let (first, second) = tokio::join!(one.patch(house, &other_path, input()), other.patch(house, &path, input()));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
    let members = one.get(house, &scene.in_organization("/members")).await;
    let admins = column(&members, "role").into_iter().filter(|role| role == "admin").count();
    assert_eq!(admins, 1);
}

async fn nobody_grants_more_than_they_have(on: On) {
    let scene = Scene::new(on).await;
    let house = &scene.house;
    let role = scene.role("Steward", &STEWARD).await;
    let painters = scene.role("Painters", &["pictures:write"]).await;
    let readers = scene.role("Readers", &["pictures:read/cats"]).await;
    let steward = scene.with_role("steward", &role).await;
    let path = scene.member_path(&scene.member);
    for role in ["admin", &painters] {
        let answer = steward.patch(house, &path, json!({ "role": role })).await;
        assert_eq!(answer.refusal(), (403, "exceeds_creator"), "{role}");
    }
    assert_eq!(steward.patch(house, &path, json!({ "role": readers })).await.status, 200);
    // Nor do they touch who has more.
    let admin = scene.member_path(&scene.admin);
    assert_eq!(steward.patch(house, &admin, json!({ "role": "member" })).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(steward.delete(house, &admin).await.refusal(), (403, "exceeds_creator"));
    // Whoever has all that there is today is no admin: that grows.
    let everything = scene.admin.get(house, "/v1/presets").await.json["organization"][0].clone();
    let all = [&everything["permissions"], &everything["scopes"]];
    let all: Vec<_> = all.iter().flat_map(|list| list.as_array().unwrap()).map(|it| it.as_str().unwrap()).collect();
    let regent = scene.with_role("regent", &scene.role("Regent", &all).await).await;
    assert_eq!(regent.patch(house, &path, json!({ "role": "admin" })).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(regent.patch(house, &admin, json!({ "role": "member" })).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(regent.delete(house, &admin).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(regent.patch(house, &path, json!({ "role": painters })).await.status, 200);
    // A role of another organization is none.
    let foreign = json!({ "role": "rol_01h455vb4pex5vsknk084sn02q" });
    assert_eq!(scene.admin.patch(house, &path, foreign).await.refusal(), (422, "invalid_input"));
}

async fn everybody_else_may_leave(on: On) {
    let scene = Scene::new(on).await;
    let house = &scene.house;
    assert_eq!(scene.viewer.delete(house, &scene.member_path(&scene.viewer)).await.status, 204);
    assert_eq!(scene.viewer.get(house, &scene.in_workspace("")).await.refusal(), (404, "not_found"));
    assert_eq!(scene.viewer.delete(house, &scene.member_path(&scene.viewer)).await.refusal(), (404, "not_found"));
    let members = scene.admin.get(house, &scene.in_workspace("/members")).await;
    assert!(!column(&members, "id").contains(&scene.viewer.id.clone().into()));
    // Who does not belong here cannot leave either.
    assert_eq!(scene.stranger.delete(house, &scene.member_path(&scene.stranger)).await.refusal(), (404, "not_found"));
}

async fn a_role_in_a_workspace_is_given_and_taken(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let path = scene.in_workspace(&format!("/members/{}", scene.member.id));
    assert_eq!(scene.member.get(house, &scene.in_workspace("")).await.status, 404);
    assert_eq!(admin.put(house, &path, json!({ "role": "viewer" })).await.json["role"], "viewer");
    assert_eq!(scene.member.get(house, &scene.in_workspace("")).await.status, 200);
    assert_eq!(admin.put(house, &path, json!({ "role": "editor" })).await.json["role"], "editor");
    for wrong in [json!({ "role": "admin" }), json!({ "role": "member" }), json!({}), json!({ "role": null })] {
        assert_eq!(admin.put(house, &path, wrong).await.refusal(), (422, "invalid_input"));
    }
    assert_eq!(admin.delete(house, &path).await.status, 204);
    assert_eq!(admin.delete(house, &path).await.refusal(), (404, "not_found"));
    assert_eq!(scene.member.get(house, &scene.in_workspace("")).await.status, 404);
    // A stranger cannot be given one.
    let path = scene.in_workspace(&format!("/members/{}", scene.stranger.id));
    assert_eq!(admin.put(house, &path, json!({ "role": "viewer" })).await.refusal(), (404, "not_found"));
    let listed = scene.viewer.get(house, &scene.in_workspace("/members?limit=1")).await;
    assert_eq!(column(&listed, "id").len(), 1);
    assert_ne!(listed.json["next_cursor"], Value::Null);
}
