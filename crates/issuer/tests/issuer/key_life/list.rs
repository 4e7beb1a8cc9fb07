use serde_json::{Value, json};

use super::{Scene, outcome};
use crate::house::{NOW, On};

on_each_database!(every_order_and_filter_is_kept, pages_lose_nothing, what_cannot_be_listed_is_said);

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap_or("-")).collect()
}

async fn every_order_and_filter_is_kept(on: On) {
    let scene = Scene::new(on).await;
    let editor = scene.staff("editor", "editor").await;
    for input in [
        scene.secret(json!({ "name": "beta", "expires_at": NOW + 500 })),
        scene.secret(json!({ "name": "Alpha", "environment": "live" })),
        scene.publishable(json!({ "name": "Zo\u{eb} 100%", "expires_at": NOW + 100 })),
        scene.secret(json!({ "name": "\u{c9}clair" })),
    ] {
        scene.clock.pass(1);
        scene.create(input).await;
    }
    scene.clock.pass(1);
    editor.post(&scene.house, "/v1/keys", scene.secret(json!({ "name": "own", "owner": "personal" }))).await;
    let all = format!("/v1/keys?workspace={}&limit=100", scene.workspace);
    let keys = scene.admin.get(&scene.house, &all).await.json;
    let by_name = |name: &str| keys["data"].as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone();
    scene.act(&by_name("beta"), "disable", Value::Null).await;
    scene.act(&by_name("Alpha"), "revoke", Value::Null).await;
    assert_eq!(scene.mint(&by_name("Zo\u{eb} 100%")).await, 201);
    scene.house.issuer.registry().wind().await.unwrap();
    scene.clock.pass(100);

    let (publishable, secret) = ("Default publishable key", "Default secret key");
    let (zoe, eclair) = ("Zo\u{eb} 100%", "\u{c9}clair");
    for (query, expected) in [
        ("", vec![publishable, secret, "beta", "Alpha", zoe, eclair, "own"]),
        ("&order=desc", vec!["own", eclair, zoe, "Alpha", "beta", secret, publishable]),
        ("&sort=name", vec!["Alpha", "beta", publishable, secret, "own", zoe, eclair]),
        ("&sort=name&order=desc", vec![eclair, zoe, "own", secret, publishable, "beta", "Alpha"]),
        ("&sort=last_used_at&order=desc&kind=publishable", vec![zoe, publishable]),
        ("&sort=expires_at&environment=test&kind=secret&order=asc", vec!["beta", secret, eclair, "own"]),
        ("&state=active", vec![publishable, secret, eclair, "own"]),
        ("&state=disabled", vec!["beta"]),
        ("&state=revoked", vec!["Alpha"]),
        ("&state=expired", vec![zoe]),
        ("&environment=live", vec!["Alpha"]),
        ("&name=%C3%A9cl", vec![eclair]),
        ("&name=%25", vec![zoe]),
        ("&name=_", vec![]),
        ("&name=DEFAULT", vec![publishable, secret]),
    ] {
        let answer = scene.admin.get(&scene.house, &format!("{all}{query}")).await;
        assert_eq!(names(&answer.json), expected, "{query} {}", answer.json);
    }
    let own = scene.admin.get(&scene.house, &format!("{all}&owner={}", editor.id)).await;
    assert_eq!(names(&own.json), ["own"]);
    let of = scene.admin.get(&scene.house, &format!("/v1/keys?organization={}", scene.organization)).await;
    assert_eq!(names(&of.json).len(), 7);
}

async fn pages_lose_nothing(on: On) {
    let scene = Scene::new(on).await;
    for i in 0..25 {
        // Names and times alike, so that the ids decide.
        scene.create(scene.secret(json!({ "name": format!("key {}", i % 3) }))).await;
    }
    for sort in ["created_at", "name", "last_used_at", "expires_at"] {
        for order in ["asc", "desc"] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/v1/keys?workspace={}&sort={sort}&order={order}&limit=7{cursor}", scene.workspace);
                let page = scene.admin.get(&scene.house, &path).await.json;
                seen.extend(page["data"].as_array().unwrap().iter().map(|key| key["id"].to_string()));
                let Some(next) = page["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!((seen.len(), once.len()), (27, 27), "{sort} {order}");
        }
    }
    // A cursor goes on with the list that it is of, and with no other.
    let of = |query: &str| format!("/v1/keys?workspace={}&limit=2{query}", scene.workspace);
    let next = scene.admin.get(&scene.house, &of("&sort=created_at")).await.json["next_cursor"].clone();
    for other in ["&sort=name", "&sort=created_at&order=desc", "&sort=last_used_at"] {
        let answer = scene.admin.get(&scene.house, &of(&format!("{other}&cursor={}", next.as_str().unwrap()))).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{other}");
    }
}

async fn what_cannot_be_listed_is_said(on: On) {
    let scene = Scene::new(on).await;
    let workspace = &scene.workspace;
    for (query, expected) in [
        (String::new(), (422, "invalid_input")),
        (format!("workspace={workspace}&organization={}", scene.organization), (422, "invalid_input")),
        (format!("workspace={workspace}&limit=0"), (422, "invalid_input")),
        (format!("workspace={workspace}&limit=101"), (422, "invalid_input")),
        (format!("workspace={workspace}&cursor=x"), (422, "invalid_input")),
        (format!("workspace={workspace}&sort=color"), (422, "invalid_input")),
        (format!("workspace={workspace}&kind=secret&kind=secret"), (422, "invalid_input")),
        (format!("workspace={workspace}&no_such=1"), (422, "invalid_input")),
        (format!("workspace={workspace}&name=%00"), (422, "invalid_input")),
        ("workspace=wsp_01h455vb4pex5vsknk084sn02q".to_owned(), (404, "not_found")),
        ("workspace=nonsense".to_owned(), (422, "invalid_input")),
    ] {
        let answer = scene.admin.get(&scene.house, &format!("/v1/keys?{query}")).await;
        assert_eq!(outcome(&answer), (expected.0, expected.1.to_owned()), "{query}");
    }
}
