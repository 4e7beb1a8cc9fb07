use http::Method;
use serde_json::{Value, json};

use super::{Scene, path};
use crate::house::{NOW, On};

on_each_database!(
    what_is_left_out_stays_and_null_takes_away,
    a_stale_edit_changes_nothing,
    a_page_is_shut_out_as_soon_as_its_origin_is,
    two_edits_at_once_do_not_lose_one_another
);

async fn what_is_left_out_stays_and_null_takes_away(on: On) {
    let scene = Scene::new(on).await;
    let key = scene
        .create(
            scene.secret(json!({ "name": "A", "metadata": { "a": "b" }, "expires_at": NOW + 9, "monthly_quota": 5 })),
        )
        .await;
    let edit = async |input: Value| scene.admin.patch(&scene.house, &path(&key), input).await;
    let answer = edit(json!({ "description": "For imports", "cidrs": ["10.0.0.0/8"] })).await;
    assert_eq!(answer.header("etag"), "\"2\"");
    for (member, value) in [
        ("name", json!("A")),
        ("description", json!("For imports")),
        ("metadata", json!({ "a": "b" })),
        ("expires_at", json!(NOW + 9)),
        ("monthly_quota", json!(5)),
    ] {
        assert_eq!(answer.json[member], value, "{member}");
    }
    let without = json!({ "name": null, "description": null, "metadata": {}, "expires_at": null, "monthly_quota": null, "cidrs": [] });
    let answer = edit(without.clone()).await;
    for (member, value) in without.as_object().unwrap() {
        assert_eq!(&answer.json[member], value, "{member}");
    }
    // Nothing to change is no change.
    assert_eq!(edit(json!({})).await.header("etag"), "\"3\"");
    for (wrong, field) in [
        (json!({ "kind": "publishable" }), "kind"),
        (json!({ "environment": "live" }), "environment"),
        (json!({ "workspace": scene.workspace }), "workspace"),
        (json!({ "owner": "personal" }), "owner"),
        (json!({ "scopes": null, "no": 1 }), "no"),
        (json!({ "expires_at": NOW - 1 }), "expires_at"),
        (json!({ "origins": ["https://a.example"] }), "origins"),
    ] {
        let answer = edit(wrong.clone()).await;
        assert_eq!(
            (answer.refusal(), &answer.json["fields"][0]["field"]),
            ((422, "invalid_input"), &json!(field)),
            "{wrong}"
        );
    }
    assert_eq!(scene.show(&key).await["name"], Value::Null);
}

async fn a_stale_edit_changes_nothing(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(Value::Null)).await;
    let edit = async |name: &str, tag: &str| {
        let mut request = scene.admin.request(Method::PATCH, &path(&key), Some(json!({ "name": name })));
        request.headers_mut().insert("if-match", tag.parse().unwrap());
        scene.house.send(request).await
    };
    assert_eq!(edit("A", "\"1\"").await.status, 200);
    for stale in ["\"1\"", "W/\"2\"", "\"x\""] {
        assert_eq!(edit("B", stale).await.refusal(), (412, "precondition_failed"), "{stale}");
    }
    assert_eq!(scene.show(&key).await["name"], "A");
    assert_eq!(edit("C", "\"1\", \"2\"").await.status, 200);
    assert_eq!(edit("D", "*").await.status, 200);
}

async fn a_page_is_shut_out_as_soon_as_its_origin_is(on: On) {
    let scene = Scene::new(on).await;
    let key =
        scene.create(scene.publishable(json!({ "environment": "live", "origins": ["http://localhost:3000"] }))).await;
    assert_eq!(scene.mint(&key).await, 201);
    let edited = scene.admin.patch(&scene.house, &path(&key), json!({ "origins": ["https://shop.example"] })).await;
    assert_eq!((edited.status.as_u16(), scene.mint(&key).await), (200, 403));
    let none = scene.admin.patch(&scene.house, &path(&key), json!({ "origins": [] })).await;
    assert_eq!(none.refusal(), (422, "invalid_input"));
}

async fn two_edits_at_once_do_not_lose_one_another(on: On) {
    let scene = Scene::new(on).await;
    let key = scene.create(scene.secret(Value::Null)).await;
    let edits = (0..10).map(|i| {
        let mut request = scene.admin.request(Method::PATCH, &path(&key), Some(json!({ "name": format!("{i}") })));
        request.headers_mut().insert("if-match", "\"1\"".parse().unwrap());
        scene.house.send(request)
    });
    let answers = futures_util::future::join_all(edits).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 9);
}
