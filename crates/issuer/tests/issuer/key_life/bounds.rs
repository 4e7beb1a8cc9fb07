//! What was refused at one door stays refused at the others.

use serde_json::{Value, json};

use super::{Scene, path};
use crate::house::{CATALOGUE, NOW, On};

on_each_database!(
    ending_a_key_early_is_as_good_as_revoking_it,
    a_personal_key_does_not_stand_in_for_the_last_one,
    whoever_loosens_a_key_could_use_it,
    keys_that_have_expired_do_not_come_back_beyond_the_limit,
    a_role_outlives_a_scope_that_the_catalogue_has_lost,
    an_invitation_ends_with_the_rights_that_it_was_made_with,
    a_workspace_is_no_way_round_the_right_to_make_keys,
    a_key_that_tries_again_and_again_is_noted_once_a_minute,
    nobody_fills_the_audit_of_others,
    what_arrives_after_signing_out_changes_nothing,
    nobody_changes_what_their_own_role_means,
    nobody_removes_who_may_do_more
);

async fn edit(scene: &Scene, key: &Value, input: Value) -> (u16, String) {
    super::outcome(&scene.admin.patch(&scene.house, &path(key), input).await)
}

async fn ending_a_key_early_is_as_good_as_revoking_it(on: On) {
    let scene = Scene::new(on).await;
    let last = json!({ "id": scene.house.keys.secret.id().to_string() });
    assert_eq!(edit(&scene, &last, json!({ "expires_at": NOW + 1 })).await, (409, "last_key".to_owned()));
    let shorter = scene.create(scene.secret(json!({ "expires_at": NOW + 100 }))).await;
    // One that ends before does not stand in for it; one that ends later does.
    assert_eq!(edit(&scene, &last, json!({ "expires_at": NOW + 100 })).await, (409, "last_key".to_owned()));
    assert_eq!(edit(&scene, &shorter, json!({ "expires_at": NOW + 101 })).await.0, 200);
    assert_eq!(edit(&scene, &last, json!({ "expires_at": NOW + 100 })).await.0, 200);
    let kept = scene.create(scene.publishable(json!({ "protected": true, "expires_at": NOW + 1000 }))).await;
    assert_eq!(edit(&scene, &kept, json!({ "expires_at": NOW + 999 })).await, (409, "key_protected".to_owned()));
    assert_eq!(edit(&scene, &kept, json!({ "expires_at": null })).await.0, 200);
    scene.admin.confirm(&scene.house).await;
    let old = scene.create(scene.secret(Value::Null)).await;
    scene.act(&old, "roll", json!({ "grace": "1h" })).await;
    assert_eq!(scene.act(&old, "protect", Value::Null).await.refusal(), (409, "conflict"));
}

async fn a_personal_key_does_not_stand_in_for_the_last_one(on: On) {
    let scene = Scene::new(on).await;
    let last = json!({ "id": scene.house.keys.secret.id().to_string() });
    let own = scene.create(scene.secret(json!({ "owner": "personal" }))).await;
    assert_eq!(scene.act(&last, "revoke", Value::Null).await.refusal(), (409, "last_key"));
    assert_eq!(scene.act(&own, "revoke", Value::Null).await.status, 200);
}

async fn whoever_loosens_a_key_could_use_it(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Clerk", "scopes": ["doorkey.keys:write", "doorkey.keys:read"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let clerk = scene.staff("clerk", &role).await;
    let held_back = json!({
        "scopes": ["pictures:write"], "cidrs": ["10.0.0.0/8"], "rate_limit": { "requests": 1, "period": 60 },
        "monthly_quota": 5, "expires_at": NOW + 500, "shadow": [],
    });
    let key = scene.create(scene.secret(held_back)).await;
    for looser in [
        json!({ "cidrs": [] }),
        json!({ "rate_limit": null }),
        json!({ "monthly_quota": 6 }),
        json!({ "expires_at": null }),
        json!({ "shadow": ["cidrs"] }),
    ] {
        let answer = clerk.patch(&scene.house, &path(&key), looser.clone()).await;
        assert_eq!(answer.refusal(), (403, "exceeds_creator"), "{looser}");
        assert_eq!(edit(&scene, &key, json!({})).await.0, 200);
    }
    for harmless in [json!({ "name": "Import" }), json!({ "scopes": [] }), json!({ "expires_at": NOW + 400 })] {
        let other = scene.create(scene.secret(json!({ "scopes": ["pictures:write"], "expires_at": NOW + 500 }))).await;
        assert_eq!(clerk.patch(&scene.house, &path(&other), harmless.clone()).await.status, 200, "{harmless}");
    }
    assert_eq!(clerk.post(&scene.house, &format!("{}/disable", path(&key)), Value::Null).await.status, 200);
    let enabled = clerk.post(&scene.house, &format!("{}/enable", path(&key)), Value::Null).await;
    assert_eq!(enabled.refusal(), (403, "exceeds_creator"));
}

async fn keys_that_have_expired_do_not_come_back_beyond_the_limit(on: On) {
    let scene = Scene::with(on, &format!("[keys]\nper_workspace = 3\n{CATALOGUE}")).await;
    let first = scene.create(scene.secret(json!({ "expires_at": NOW + 5 }))).await;
    scene.clock.pass(5);
    scene.create(scene.secret(Value::Null)).await;
    assert_eq!(edit(&scene, &first, json!({ "expires_at": null })).await, (409, "conflict".to_owned()));
    assert_eq!(scene.show(&first).await["state"], "expired");
}

async fn a_role_outlives_a_scope_that_the_catalogue_has_lost(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Cleaner", "scopes": ["pictures:delete", "pictures:read"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let cleaner = scene.admin.invite(&scene.house, &scene.organization, "c@shop.example", &role, json!([])).await;
    let key = scene.create(scene.secret(json!({ "scopes": ["pictures:delete", "pictures:read"] }))).await;
    let without = CATALOGUE.replace("pictures:delete", "pictures:paint");
    let file = doorkey_issuer::SettingsFile::parse(&without).unwrap();
    let settings = doorkey_issuer::Settings::resolve(file, scene.house.issuer.settings().public_url().clone()).unwrap();
    scene.house.issuer.reload(settings).unwrap();
    let renamed = scene.admin.patch(&scene.house, &format!("{roles}/{role}"), json!({ "name": "Reader" })).await;
    assert_eq!(renamed.status, 200, "{}", renamed.json);
    scene.admin.confirm(&scene.house).await;
    let rolled = scene.act(&key, "roll", Value::Null).await;
    assert_eq!(rolled.json["scopes"], json!(["pictures:read"]));
    let member = format!("/v1/organizations/{}/members/{}", scene.organization, cleaner.id);
    assert_eq!(scene.admin.delete(&scene.house, &member).await.status, 204);
}

async fn an_invitation_ends_with_the_rights_that_it_was_made_with(on: On) {
    let scene = Scene::new(on).await;
    let other = scene.admin.invite(&scene.house, &scene.organization, "o@shop.example", "admin", json!([])).await;
    let invitations = format!("/v1/organizations/{}/invitations", scene.organization);
    let back_door = json!({ "email": "second@shop.example", "role": "admin" });
    let link = other.post(&scene.house, &invitations, back_door).await.json["link"].as_str().unwrap().to_owned();
    let member = format!("/v1/organizations/{}/members/{}", scene.organization, other.id);
    assert_eq!(scene.admin.delete(&scene.house, &member).await.status, 204);
    let input = json!({ "token": crate::person::token(&link), "name": "B", "password": crate::person::PASSWORD });
    let accepted = crate::person::visit(&scene.house, "/v1/invitations/accept", &input).await;
    assert_eq!(accepted.refusal(), (401, "sign_in_refused"));
}

async fn a_workspace_is_no_way_round_the_right_to_make_keys(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Builder", "scopes": ["doorkey.workspaces:write", "pictures:read"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let builder = scene.admin.invite(&scene.house, &scene.organization, "b@shop.example", &role, json!([])).await;
    let workspaces = format!("/v1/organizations/{}/workspaces", scene.organization);
    let made = builder.post(&scene.house, &workspaces, json!({ "name": "Mine" })).await;
    assert_eq!(made.refusal(), (403, "insufficient_scope"));
}

async fn a_key_that_tries_again_and_again_is_noted_once_a_minute(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(Value::Null)).await;
    let tries = async |n: usize| {
        for _ in 0..n {
            let mut request = crate::person::request(http::Method::GET, "/v1/me", None);
            let bearer = format!("Bearer {}", key["secret"].as_str().unwrap());
            request.headers_mut().insert(http::header::AUTHORIZATION, bearer.parse().unwrap());
            scene.house.send(request).await.refusal();
        }
    };
    let noted = async || scene.audit(100).await.iter().filter(|(action, _)| action == "key.manage").count();
    tries(5).await;
    assert_eq!(noted().await, 1);
    scene.clock.pass(60);
    tries(5).await;
    assert_eq!(noted().await, 2);
}

async fn nobody_fills_the_audit_of_others(on: On) {
    let scene = Scene::new(on).await;
    let stranger = scene.admin.stranger(&scene.house).await;
    let organization = format!("/v1/organizations/{}", scene.organization);
    let tries = async || {
        for _ in 0..125 {
            let answer = stranger.patch(&scene.house, &organization, json!({ "name": "Mine" })).await;
            assert_eq!(answer.refusal(), (404, "not_found"));
        }
    };
    let noted = async || {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let of = format!("organization={}&actor={}&action=organization.update", scene.organization, stranger.id);
            let page = scene.admin.get(&scene.house, &format!("/v1/audit-events?{of}&limit=100{cursor}")).await.json;
            count += page["data"].as_array().unwrap().len();
            let Some(next) = page["next_cursor"].as_str() else { return count };
            cursor = format!("&cursor={next}");
        }
    };
    tries().await;
    assert_eq!(noted().await, 120);
    scene.clock.pass(60);
    tries().await;
    assert_eq!(noted().await, 240);
}

async fn what_arrives_after_signing_out_changes_nothing(on: On) {
    let scene = Scene::new(on).await;
    let before = scene.house.issuer.registry().keys().await.unwrap();
    let (asked, is_asked) = tokio::sync::oneshot::channel();
    let (signed_out, is_signed_out) = tokio::sync::oneshot::channel();
    let input = scene.secret(Value::Null).to_string();
    // The body is asked for once the cookie was good.
    let body = futures_util::stream::once(async move {
        asked.send(()).unwrap();
        is_signed_out.await.unwrap();
        Ok::<_, std::convert::Infallible>(input)
    });
    let mut request = scene.admin.request(http::Method::POST, "/v1/keys", Some(json!({})));
    *request.body_mut() = axum::body::Body::from_stream(body);
    let sign_out = async {
        is_asked.await.unwrap();
        assert_eq!(scene.admin.post(&scene.house, "/v1/sign-ins/sign-out", Value::Null).await.status, 204);
        signed_out.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(scene.house.send(request), sign_out);
    assert_eq!(answer.refusal(), (401, "sign_in_refused"));
    assert_eq!(scene.house.issuer.registry().keys().await.unwrap(), before);
}

async fn nobody_changes_what_their_own_role_means(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Keeper", "scopes": ["doorkey.roles:write", "doorkey.members:read"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let keeper = scene.admin.invite(&scene.house, &scene.organization, "k@shop.example", &role, json!([])).await;
    let own = format!("{roles}/{role}");
    let answer = keeper.patch(&scene.house, &own, json!({ "name": "Master" })).await;
    assert_eq!(answer.refusal(), (403, "insufficient_scope"));
    assert_eq!(scene.admin.get(&scene.house, &own).await.json["name"], "Keeper");
}

async fn nobody_removes_who_may_do_more(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Host", "scopes": ["doorkey.members:write", "doorkey.members:read", "pictures:read"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let host = scene.admin.invite(&scene.house, &scene.organization, "h@shop.example", &role, json!([])).await;
    let editor = scene.staff("editor", "editor").await;
    let plain = scene.admin.invite(&scene.house, &scene.organization, "p@shop.example", "member", json!([])).await;
    for (who, expected) in
        [(&editor, (403, "exceeds_creator")), (&scene.admin, (403, "exceeds_creator")), (&plain, (204, ""))]
    {
        let member = format!("/v1/organizations/{}/members/{}", scene.organization, who.id);
        let answer = host.delete(&scene.house, &member).await;
        assert_eq!(super::outcome(&answer), (expected.0, expected.1.to_owned()), "{}", who.email);
    }
    // Nor whoever is on the way.
    let invitations = format!("/v1/organizations/{}/invitations", scene.organization);
    let to_be_admin = json!({ "email": "next@shop.example", "role": "admin" });
    let open = scene.admin.post(&scene.house, &invitations, to_be_admin).await.json;
    let lesser = json!({ "email": "next@shop.example", "role": "member" });
    assert_eq!(host.post(&scene.house, &invitations, lesser).await.refusal(), (403, "exceeds_creator"));
    let path = format!("{invitations}/{}", open["id"].as_str().unwrap());
    assert_eq!(host.delete(&scene.house, &path).await.refusal(), (403, "exceeds_creator"));
    assert_eq!(scene.admin.delete(&scene.house, &path).await.status, 204);
}
