//! Exports.

use axum::body::Body;
use http::{Method, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{busy, pages};
use crate::house::{House, On};
use crate::tenants::{Scene, id};

on_each_database!(
    an_export_has_all_that_the_list_has,
    an_export_has_what_the_filter_lets_through,
    what_a_spreadsheet_would_compute_is_text,
    an_export_that_cannot_go_on_breaks_off,
    an_export_ends_with_the_right_to_read_it
);

async fn respond(scene: &Scene, query: &str) -> Response<Body> {
    let path = format!("/v1/audit-events/export?organization={}&{query}", scene.organization);
    scene.house.router.clone().oneshot(scene.admin.request(Method::GET, &path, None)).await.unwrap()
}

async fn export(scene: &Scene, query: &str) -> String {
    let response = respond(scene, query).await;
    assert_eq!(response.status(), 200);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// Reads RFC 4180, strictly.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut characters = text.chars().peekable();
    while let Some(first) = characters.next() {
        match first {
            '"' => loop {
                match characters.next().unwrap() {
                    '"' if characters.next_if_eq(&'"').is_some() => field.push('"'),
                    '"' => break,
                    other => field.push(other),
                }
            },
            ',' => record.push(std::mem::take(&mut field)),
            '\r' => {
                assert_eq!(characters.next(), Some('\n'));
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => {
                assert_ne!(other, '\n');
                field.push(other);
            }
        }
    }
    assert!(record.is_empty() && field.is_empty(), "the last line ends");
    records
}

async fn an_export_has_all_that_the_list_has(on: On) {
    let house = House::new(on).await;
    // More than two batches.
    busy(&house, 1100).await;
    let scene = Scene::of(house).await;
    let listed: Vec<_> = pages(&scene, 100).await.into_iter().rev().collect();
    let response = respond(&scene, "format=jsonl").await;
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let name = format!("attachment; filename=\"audit-{}.jsonl\"", scene.organization);
    assert_eq!(response.headers()["content-disposition"], name);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let text = export(&scene, "format=jsonl").await;
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), listed);
    let path = format!("/v1/audit-events?limit=1&organization={}", scene.organization);
    assert_eq!(scene.admin.get(&scene.house, &path).await.json["data"][0], *events.last().unwrap());
    let response = respond(&scene, "format=csv").await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let records = parse_csv(&export(&scene, "format=csv").await);
    assert_eq!(records.len(), events.len() + 1);
    assert_eq!(
        records[0].join(" "),
        "sequence at organization workspace actor_kind actor_id actor_name action target_kind target_id outcome code detail request_id address"
    );
    for (record, event) in records[1..].iter().zip(&events) {
        let text = |value: &Value| value.as_str().map_or_else(String::new, str::to_owned);
        let (actor, target) = (&event["actor"], &event["target"]);
        let strings = [
            &event["organization"],
            &event["workspace"],
            &actor["kind"],
            &actor["id"],
            &actor["name"],
            &event["action"],
            &target["kind"],
            &target["id"],
            &event["outcome"],
            &event["code"],
        ];
        let mut expected = vec![event["sequence"].to_string(), event["at"].to_string()];
        expected.extend(strings.into_iter().map(text));
        expected.extend([event["detail"].to_string(), text(&event["request_id"]), text(&event["address"])]);
        assert_eq!(*record, expected);
    }
}

async fn an_export_has_what_the_filter_lets_through(on: On) {
    let scene = Scene::new(on).await;
    let text = export(&scene, &format!("format=jsonl&action=invitation.create&actor={}", scene.admin.id)).await;
    assert_eq!(text.lines().count(), 3);
    assert_eq!(export(&scene, "format=jsonl&since=9000000000").await, "");
    assert_eq!(parse_csv(&export(&scene, "format=csv&since=9000000000").await).len(), 1);
    // Through the checks against the document, too.
    for format in ["csv", "jsonl"] {
        let path = format!("/v1/audit-events/export?organization={}&format={format}", scene.organization);
        assert_eq!(scene.admin.get(&scene.house, &path).await.status, 200);
    }
}

async fn what_a_spreadsheet_would_compute_is_text(on: On) {
    let scene = Scene::new(on).await;
    let name = "=HYPERLINK(\"https://evil.example\",\"a\")";
    let input = json!({ "workspace": scene.workspace, "kind": "secret", "environment": "test", "name": name });
    let created = scene.admin.post(&scene.house, "/v1/keys", input).await;
    let request = http::Request::get("/v1/keys")
        .header("authorization", format!("Bearer {}", created.json["secret"].as_str().unwrap()));
    assert_eq!(scene.house.send(request.body(Body::empty()).unwrap()).await.status, 403);
    let records = parse_csv(&export(&scene, &format!("format=csv&actor={}", id(&created))).await);
    assert_eq!(records[1][6], format!("'{name}"));
}

async fn an_export_that_cannot_go_on_breaks_off(on: On) {
    let house = House::new(on).await;
    busy(&house, 1100).await;
    let scene = Scene::of(house).await;
    let mut body = respond(&scene, "format=jsonl").await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    scene.house.store.close().await;
    assert!(body.frame().await.unwrap().is_err(), "it must not look whole");
    // Before it has begun, it is a refusal like any other.
    assert_eq!(respond(&scene, "format=jsonl").await.status(), 503);
}

async fn an_export_ends_with_the_right_to_read_it(on: On) {
    let house = House::new(on).await;
    busy(&house, 1100).await;
    let scene = Scene::of(house).await;
    let second = scene.with_role("second", "admin").await;
    let mut body = respond(&scene, "format=jsonl").await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    let input = json!({ "role": "member" });
    assert_eq!(second.patch(&scene.house, &scene.member_path(&scene.admin), input).await.status, 200);
    assert!(body.frame().await.unwrap().is_err());
}
