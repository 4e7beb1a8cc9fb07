//! Long lists, and creates that are sent twice.

use std::collections::HashSet;

use http::Method;
use serde_json::{Value, json};

use super::{Scene, column};
use crate::house::{Answer, On};
use crate::person::Person;

on_each_database!(
    a_long_list_comes_in_pages,
    a_create_that_is_sent_twice_happens_once,
    of_twenty_creates_at_once_one_happens
);

async fn a_long_list_comes_in_pages(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin, path) = (&scene.house, &scene.admin, scene.in_organization("/workspaces"));
    for i in 0..119 {
        assert_eq!(admin.post(house, &path, json!({ "name": format!("Workspace {i}") })).await.status, 201);
    }
    let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = admin.get(house, &format!("{path}?limit=50{cursor}")).await;
        let ids = column(&page, "id");
        sizes.push(ids.len());
        seen.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
        let Some(next) = page.json["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert!(seen.is_sorted(), "in the order of ids");
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 120);
    assert_eq!(column(&scene.viewer.get(house, &path).await, "id"), [scene.workspace.as_str()]);
    assert_eq!(column(&scene.member.get(house, &path).await, "id"), [] as [Value; 0]);
    for path in ["/workspaces", "/members", "/roles"].map(|list| scene.in_organization(list)) {
        for cursor in ["x", "", "AQ", "!", &"A".repeat(2000)] {
            let answer = admin.get(house, &format!("{path}?cursor={cursor}")).await;
            assert_eq!(answer.refusal(), (422, "invalid_input"), "{path} {cursor}");
        }
        for limit in ["0", "101", "x"] {
            assert_eq!(admin.get(house, &format!("{path}?limit={limit}")).await.refusal(), (422, "invalid_input"));
        }
    }
    // A cursor of another kind of list.
    let events = format!("/v1/audit-events?limit=1&organization={}", scene.organization);
    let events = admin.get(house, &events).await;
    let cursor = events.json["next_cursor"].as_str().unwrap();
    assert_eq!(admin.get(house, &format!("{path}?cursor={cursor}")).await.refusal(), (422, "invalid_input"));
}

async fn create(scene: &Scene, person: &Person, path: &str, key: &str, input: Value) -> Answer {
    let mut request = person.request(Method::POST, path, Some(input));
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    scene.house.send(request).await
}

async fn a_create_that_is_sent_twice_happens_once(on: On) {
    let scene = Scene::new(on).await;
    let (house, admin) = (&scene.house, &scene.admin);
    let (workspaces, roles) = (scene.in_organization("/workspaces"), scene.in_organization("/roles"));
    let role = json!({ "name": "Painters", "scopes": [] });
    for (path, input) in [
        (workspaces.clone(), json!({ "name": "New" })),
        (roles, role),
        ("/v1/organizations".into(), json!({ "name": "New" })),
    ] {
        let count = async || column(&admin.get(house, &path).await, "id").len();
        let before = count().await;
        let first = create(&scene, admin, &path, &path, input.clone()).await;
        let again = create(&scene, admin, &path, &path, input).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{path}: {}", again.json);
        assert_eq!(first.json["id"], again.json["id"]);
        assert_eq!(count().await, before + 1);
        if path == workspaces {
            assert!(first.json["keys"]["secret"].as_str().unwrap().starts_with("sk_test_"));
            assert!(first.json["keys"]["publishable"].as_str().unwrap().starts_with("pk_test_"));
            assert_eq!(again.json["keys"], Value::Null);
        }
        let other = create(&scene, admin, &path, &path, json!({ "name": "Another", "scopes": [] })).await;
        assert_eq!(other.refusal(), (422, "invalid_input"));
        assert_eq!(count().await, before + 1);
    }
    // The same name is another person's own, and another path is another request.
    let other = format!("/v1/organizations/{}/workspaces", scene.stranger.organization(house).await);
    let input = json!({ "name": "New" });
    assert_eq!(create(&scene, &scene.stranger, &other, &workspaces, input.clone()).await.status, 201);
    assert_eq!(create(&scene, admin, &other, &workspaces, input).await.refusal(), (422, "invalid_input"));
}

async fn of_twenty_creates_at_once_one_happens(on: On) {
    let scene = Scene::new(on).await;
    let path = scene.in_organization("/workspaces");
    let tries = (0..20).map(|_| create(&scene, &scene.admin, &path, "once", json!({ "name": "New" })));
    let answers = futures_util::future::join_all(tries).await;
    let ids: HashSet<_> = answers.iter().map(super::id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|answer| !answer.json["keys"].is_null()).count(), 1);
    assert_eq!(column(&scene.admin.get(&scene.house, &path).await, "id").len(), 2);
}
