use serde_json::{Value, json};

use super::{Scene, merge, outcome};
use crate::house::{CATALOGUE, NOW, On};

on_each_database!(
    scopes_have_four_states,
    a_key_never_exceeds_its_creator,
    what_is_wrong_is_named,
    a_key_of_an_organization_is_for_chosen_workspaces,
    the_operator_s_defaults_hold_unless_told,
    the_same_create_again_does_nothing_and_shows_no_secret,
    fifty_keys_and_no_more_however_many_ask
);

fn scopes(key: &Value) -> Vec<&str> {
    key["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect()
}

async fn scopes_have_four_states(on: On) {
    let scene = Scene::new(on).await;
    // An admin of the organization whose role in the workspace is less.
    let admin = scene
        .admin
        .invite(
            &scene.house,
            &scene.organization,
            "other@shop.example",
            "admin",
            json!([{ "workspace": scene.workspace, "role": "viewer" }]),
        )
        .await;
    for (input, expected) in [
        (json!({}), vec!["pictures:read"]),
        (json!({ "scopes": null }), vec!["pictures:delete", "pictures:read", "pictures:write"]),
        (json!({ "scopes": [] }), vec![]),
        (json!({ "scopes": ["pictures:write/a", "pictures:read"] }), vec!["pictures:read", "pictures:write/a"]),
    ] {
        let answer = admin.post(&scene.house, "/v1/keys", scene.secret(input.clone())).await;
        assert_eq!(scopes(&answer.json), expected, "{input}");
    }
    // Of all that the creator has, a publishable key takes what is for browsers.
    let key = scene.create(scene.publishable(json!({ "scopes": null }))).await;
    assert_eq!(scopes(&key), ["pictures:read", "pictures:write"]);
    let listed = scene.publishable(json!({ "scopes": ["pictures:delete"] }));
    let answer = scene.admin.post(&scene.house, "/v1/keys", listed).await;
    assert_eq!((answer.refusal(), &answer.json["fields"][0]["field"]), ((422, "invalid_input"), &json!("scopes")));
}

async fn a_key_never_exceeds_its_creator(on: On) {
    let scene = Scene::new(on).await;
    let roles = format!("/v1/organizations/{}/roles", scene.organization);
    let role = json!({ "name": "Painter", "scopes": ["doorkey.keys:write", "doorkey.keys:read", "pictures:read/a"] });
    let role = scene.admin.post(&scene.house, &roles, role).await.json["id"].as_str().unwrap().to_owned();
    let painter = scene.staff("painter", &role).await;
    let create =
        async |scopes: Value| painter.post(&scene.house, "/v1/keys", scene.secret(json!({ "scopes": scopes }))).await;
    for beyond in ["pictures:read", "pictures:read/b", "pictures:write/a", "doorkey.keys:write"] {
        let expected = if beyond.starts_with("doorkey.") { (422, "invalid_input") } else { (403, "exceeds_creator") };
        assert_eq!(create(json!([beyond])).await.refusal(), expected, "{beyond}");
    }
    assert_eq!(scopes(&create(json!(["pictures:read/a"])).await.json), ["pictures:read/a"]);
    assert_eq!(scopes(&create(Value::Null).await.json), ["pictures:read/a"]);
    // Nor by editing one, or by rolling somebody else's and so getting hold of it.
    let own = create(json!([])).await.json;
    let path = super::path(&own);
    let widened = painter.patch(&scene.house, &path, json!({ "scopes": ["pictures:write"] })).await;
    assert_eq!(widened.refusal(), (403, "exceeds_creator"));
    painter.confirm(&scene.house).await;
    let wide = scene.create(scene.secret(json!({ "scopes": null }))).await;
    let rolled = painter.post(&scene.house, &format!("{}/roll", super::path(&wide)), Value::Null).await;
    assert_eq!(rolled.refusal(), (403, "exceeds_creator"));
    assert_eq!(scene.show(&wide).await["state"], "active");
}

async fn what_is_wrong_is_named(on: On) {
    let scene = Scene::new(on).await;
    let before = scene.house.issuer.registry().keys().await.unwrap();
    let (secret, publishable) = (scene.secret(Value::Null), scene.publishable(Value::Null));
    for (base, more, field) in [
        (&secret, json!({ "name": "" }), "name"),
        (&secret, json!({ "name": "a\u{7}" }), "name"),
        (&secret, json!({ "description": "x".repeat(1001) }), "description"),
        (&secret, json!({ "metadata": { "": "x" } }), "metadata"),
        (&secret, json!({ "metadata": { "a": "x".repeat(501) } }), "metadata"),
        (&secret, json!({ "scopes": ["pictures:paint"] }), "scopes"),
        (&secret, json!({ "scopes": ["pictures"] }), "scopes[0]"),
        (&secret, json!({ "origins": ["https://a.example"] }), "origins"),
        (&secret, json!({ "cidrs": ["10.0.0.1/8"] }), "cidrs"),
        (&secret, json!({ "cidrs": ["10.0.0.0/33"] }), "cidrs"),
        (&secret, json!({ "cidrs": ["::ffff:0:0/95"] }), "cidrs"),
        (&secret, json!({ "cidrs": ["::ffff:10.1.2.3/104"] }), "cidrs"),
        (&secret, json!({ "rate_limit": { "requests": 0, "period": 1 } }), "rate_limit.requests"),
        (&secret, json!({ "rate_limit": { "requests": 1, "period": 86_401 } }), "rate_limit.period"),
        (&secret, json!({ "monthly_quota": -1 }), "monthly_quota"),
        (&secret, json!({ "limits": { "no_such": 1 } }), "limits"),
        (&secret, json!({ "shadow": ["origins"] }), "origins"),
        (&secret, json!({ "session_lifetime": 60 }), "session_lifetime"),
        (&secret, json!({ "expires_at": NOW }), "expires_at"),
        (&secret, json!({ "rotation_due_at": 1 }), "rotation_due_at"),
        (&secret, json!({ "expires_at": 253_402_300_800_u64 }), "expires_at"),
        (&secret, json!({ "owner": "nobody" }), "owner"),
        (&secret, json!({ "kind": "other" }), "kind"),
        (&secret, json!({ "environment": null }), "environment"),
        (&secret, json!({ "no_such": 1 }), "no_such"),
        (&secret, json!({ "workspaces": [scene.workspace] }), "workspaces"),
        (&secret, json!({ "organization": scene.organization }), "workspace"),
        (&publishable, json!({ "environment": "live" }), "origins"),
        (&publishable, json!({ "origins": ["http://shop.example"] }), "origins"),
        (&publishable, json!({ "origins": ["https://*.example"] }), "origins[0]"),
        (&publishable, json!({ "cidrs": ["10.0.0.0/8"] }), "cidrs"),
        (&publishable, json!({ "session_lifetime": 601 }), "session_lifetime"),
        (&publishable, json!({ "workspace": null, "organization": scene.organization }), "workspace"),
    ] {
        let answer = scene.admin.post(&scene.house, "/v1/keys", merge(base.clone(), more.clone())).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{more} {}", answer.json);
        assert_eq!(answer.json["fields"][0]["field"], field, "{more} {}", answer.json);
    }
    assert_eq!(scene.house.issuer.registry().keys().await.unwrap(), before);
    let all = json!({
        "name": "\u{dc}bersicht", "description": "Imports pictures\nat night", "metadata": { "team": "ops" },
        "cidrs": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"], "rate_limit": { "requests": 5, "period": 60 },
        "monthly_quota": 0, "shadow": ["cidrs", "rate_limit"], "expires_at": NOW + 1, "rotation_due_at": null,
        "protected": true, "owner": "personal",
    });
    let key = scene.create(scene.secret(all.clone())).await;
    for (member, value) in all.as_object().unwrap() {
        let cidrs = || json!(["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "198.51.100.0/24"]);
        let expected = if member == "cidrs" { cidrs() } else { value.clone() };
        assert_eq!(key[member], expected, "{member}");
    }
    assert_eq!(key["owner_id"], scene.admin.id);
    assert_eq!(key["created_by"], scene.admin.id);
}

async fn a_key_of_an_organization_is_for_chosen_workspaces(on: On) {
    let scene = Scene::new(on).await;
    let workspaces = format!("/v1/organizations/{}/workspaces", scene.organization);
    let other = scene.admin.post(&scene.house, &workspaces, json!({ "name": "Other" })).await.json;
    let of = |workspaces: Value| json!({ "organization": scene.organization, "workspaces": workspaces, "kind": "secret", "environment": "live" });
    let chosen = scene.create(of(json!([other["id"]]))).await;
    assert_eq!((&chosen["workspace"], &chosen["workspaces"]), (&Value::Null, &json!([other["id"]])));
    assert_eq!(scene.create(of(Value::Null)).await["workspaces"], Value::Null);
    for wrong in [json!([]), json!([other["id"], other["id"]]), json!(["wsp_01h455vb4pex5vsknk084sn02q"])] {
        let answer = scene.admin.post(&scene.house, "/v1/keys", of(wrong.clone())).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{wrong}");
    }
    // A role in a workspace is none in the organization.
    let editor = scene.staff("editor", "editor").await;
    let answer = editor.post(&scene.house, "/v1/keys", of(Value::Null)).await;
    assert_eq!(answer.refusal(), (403, "insufficient_scope"));
    let path = super::path(&chosen);
    assert_eq!(editor.get(&scene.house, &path).await.refusal(), (404, "not_found"));
    let edited = scene.admin.patch(&scene.house, &path, json!({ "workspaces": null })).await;
    assert_eq!(edited.json["workspaces"], Value::Null);
}

async fn the_operator_s_defaults_hold_unless_told(on: On) {
    let settings = format!(
        "[keys]\nlifetime_days = 30\nrotation_days = 7\nrate_limit = {{ requests = 9, period = 1 }}\nmonthly_quota = 100\n\
         [[limits]]\nname = \"images\"\ndefault = 10\nmaximum = 20\n{CATALOGUE}"
    );
    let scene = Scene::with(on, &settings).await;
    let key = scene.create(scene.secret(Value::Null)).await;
    assert_eq!((&key["expires_at"], &key["rotation_due_at"]), (&json!(NOW + 30 * 86_400), &json!(NOW + 7 * 86_400)));
    assert_eq!((&key["rate_limit"]["requests"], &key["monthly_quota"]), (&json!(9), &json!(100)));
    assert_eq!(key["limits"], json!({ "images": 10 }));
    let without = json!({ "expires_at": null, "rotation_due_at": null, "rate_limit": null, "monthly_quota": null });
    let key = scene.create(scene.secret(merge(without.clone(), json!({ "limits": { "images": 20 } })))).await;
    for member in without.as_object().unwrap().keys() {
        assert_eq!(key[member], Value::Null, "{member}");
    }
    assert_eq!(key["limits"], json!({ "images": 20 }));
    let beyond = scene.secret(json!({ "limits": { "images": 21 } }));
    let answer = scene.admin.post(&scene.house, "/v1/keys", beyond).await;
    assert_eq!(answer.refusal(), (422, "invalid_input"));
}

async fn the_same_create_again_does_nothing_and_shows_no_secret(on: On) {
    let scene = Scene::new(on).await;
    let send = async |key: &str, input: Value| {
        let mut request = scene.admin.request(http::Method::POST, "/v1/keys", Some(input));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        scene.house.send(request).await
    };
    let first = send("a", scene.secret(Value::Null)).await;
    assert!(first.json["secret"].as_str().unwrap().starts_with("sk_test_"));
    let again = send("a", scene.secret(Value::Null)).await;
    assert_eq!(
        (again.status, &again.json["id"], &again.json["secret"]),
        (first.status, &first.json["id"], &Value::Null)
    );
    assert_eq!(send("a", scene.secret(json!({ "name": "Other" }))).await.refusal(), (422, "invalid_input"));
    assert_ne!(send("b", scene.secret(Value::Null)).await.json["id"], first.json["id"]);
    let at_once = futures_util::future::join_all((0..20).map(|_| send("c", scene.secret(Value::Null)))).await;
    assert!(at_once.iter().all(|answer| answer.json["id"] == at_once[0].json["id"]));
    assert_eq!(at_once.iter().filter(|answer| !answer.json["secret"].is_null()).count(), 1);
    // Somebody else's request of the same name is another one.
    let editor = scene.staff("editor", "editor").await;
    let mut request = editor.request(http::Method::POST, "/v1/keys", Some(scene.secret(Value::Null)));
    request.headers_mut().insert("idempotency-key", "a".parse().unwrap());
    assert_ne!(scene.house.send(request).await.json["id"], first.json["id"]);
}

async fn fifty_keys_and_no_more_however_many_ask(on: On) {
    let scene = Scene::new(on).await;
    let input = scene.secret(Value::Null);
    let asked = (0..60).map(|_| scene.admin.post(&scene.house, "/v1/keys", input.clone()));
    let answers = futures_util::future::join_all(asked).await;
    let refused: Vec<_> = answers.iter().map(outcome).filter(|(status, _)| *status != 201).collect();
    assert_eq!(refused, vec![(409, "conflict".to_owned()); 12]);
    // A roll takes no place of its own, and a disabled key keeps its place.
    let key = &answers.iter().find(|answer| answer.status == 201).unwrap().json;
    scene.admin.confirm(&scene.house).await;
    assert_eq!(scene.act(key, "roll", json!({ "grace": "7d" })).await.status, 201);
    let other = scene.act(key, "revoke", Value::Null).await;
    assert_eq!(other.status, 200);
    assert_eq!(scene.admin.post(&scene.house, "/v1/keys", input.clone()).await.refusal(), (409, "conflict"));
    let listed = format!("/v1/keys?workspace={}&state=active&limit=1", scene.workspace);
    let some = scene.admin.get(&scene.house, &listed).await.json["data"][0].clone();
    assert_eq!(scene.act(&some, "disable", Value::Null).await.status, 200);
    assert_eq!(scene.admin.post(&scene.house, "/v1/keys", input.clone()).await.refusal(), (409, "conflict"));
    assert_eq!(scene.act(&some, "revoke", Value::Null).await.status, 200);
    assert_eq!(scene.admin.post(&scene.house, "/v1/keys", input).await.status, 201);
}
