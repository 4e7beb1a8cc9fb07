//! The audit over HTTP, and the proof that nobody has changed it.

mod chain;
mod export;

use std::sync::Arc;

use doorkey_core::{Environment, KeyKind};
use doorkey_issuer::NewKey;
use serde_json::{Value, json};

use crate::house::{Answer, CATALOGUE, House, Moving, NOW, OPERATOR, On, Seeded};
use crate::tenants::{Scene, column};

on_each_database!(
    events_are_found_by_what_they_say,
    a_wrong_filter_is_said_to_be,
    the_newest_come_first_in_pages,
    the_audit_of_one_organization_is_no_other_ones
);

/// A house with many events in its first organization.
async fn busy(house: &House, tries: usize) {
    let new = NewKey::new(KeyKind::Publishable, Environment::Test);
    house.issuer.registry().create_key(&OPERATOR, new).await.unwrap();
    for _ in 1..tries {
        // Refused, and written down: the last secret key of a workspace stays.
        house.issuer.registry().revoke_key(&OPERATOR, house.keys.secret.id()).await.unwrap_err();
    }
}

fn numbers(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{}", answer.json);
    column(answer, "sequence").iter().map(|number| number.as_u64().unwrap()).collect()
}

async fn events_are_found_by_what_they_say(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let scene = Scene::of(house).await;
    let (house, admin) = (&scene.house, &scene.admin);
    clock.pass(100);
    let input = json!({ "name": "New" });
    assert_eq!(scene.viewer.patch(house, &scene.in_workspace(""), input.clone()).await.status, 403);
    clock.pass(100);
    assert_eq!(admin.patch(house, &scene.in_workspace(""), input.clone()).await.status, 200);
    let find = async |filter: &str| {
        let path = format!("/v1/audit-events?organization={}&{filter}", scene.organization);
        let answer = admin.get(house, &path).await;
        (numbers(&answer), answer.json["data"].clone())
    };
    let (all, _) = find("limit=100").await;
    let (by_viewer, events) = find(&format!("actor={}&action=workspace.update", scene.viewer.id)).await;
    assert_eq!(by_viewer, [all[1]]);
    let event = &events[0];
    assert_eq!(event["at"], NOW + 100);
    assert_eq!(event["workspace"], scene.workspace);
    assert_eq!(event["target"], json!({ "kind": "workspace", "id": scene.workspace }));
    assert_eq!((&event["outcome"], &event["code"]), (&json!("refused"), &json!("insufficient_scope")));
    assert_eq!(event["address"], "192.0.2.1");
    let (done, events) = find(&format!("target={}&action=workspace.update&actor={}", scene.workspace, admin.id)).await;
    assert_eq!(done, [all[0]]);
    assert_eq!((&events[0]["outcome"], &events[0]["code"]), (&json!("done"), &Value::Null));
    assert_eq!(events[0]["detail"]["name"], "New");
    assert_eq!(find("action=workspace.update").await.0, [all[0], all[1]]);
    // The first second counts, the last does not.
    assert_eq!(find(&format!("since={}", NOW + 100)).await.0, [all[0], all[1]]);
    assert_eq!(find(&format!("since={}&until={}", NOW + 100, NOW + 200)).await.0, [all[1]]);
    assert_eq!(find(&format!("until={}&limit=100", NOW + 100)).await.0, all[2..]);
    assert_eq!(find(&format!("since={}", u64::MAX)).await.0, [] as [u64; 0]);
    // The same bytes as an id of another kind name something else.
    let key = format!("key_{}", scene.workspace.strip_prefix("wsp_").unwrap());
    assert_eq!(find(&format!("target={key}")).await.0, [] as [u64; 0]);
    let default = scene.house.keys.secret.id();
    let of_default = find(&format!("target={default}")).await.0;
    assert_eq!((of_default.len(), find(&format!("key={default}")).await.0), (1, of_default));
    let key = format!("key_{}", scene.viewer.id.strip_prefix("usr_").unwrap());
    assert_eq!(find(&format!("actor={key}")).await.0, [] as [u64; 0]);
    // A key that tries to manage is an actor too.
    let secret = house.keys.secret.to_key_string();
    let request = http::Request::get("/v1/keys").header("authorization", format!("Bearer {}", secret.as_str()));
    let answer = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.refusal(), (403, "keys_cannot_manage_keys"));
    let (_, events) = find(&format!("actor={}", house.keys.secret.id())).await;
    assert_eq!((&events[0]["actor"]["kind"], &events[0]["action"]), (&json!("key"), &json!("key.manage")));
}

async fn a_wrong_filter_is_said_to_be(on: On) {
    let scene = Scene::new(on).await;
    for path in ["/v1/audit-events?", "/v1/audit-events/export?format=csv&"] {
        for (query, field) in [
            ("actor=x", "actor"),
            ("actor=", "actor"),
            ("actor=org_01h455vb4pex5vsknk084sn02q", "actor"),
            ("target=x", "target"),
            ("key=usr_01h455vb4pex5vsknk084sn02q", "key"),
            ("key=key_01h455vb4pex5vsknk084sn02q&target=key_01h455vb4pex5vsknk084sn02q", "key"),
            ("target=ses_01h455vb4pex5vsknk084sn02q", "target"),
            ("action=key.paint", "action"),
            ("since=x", "since"),
            ("until=-1", "until"),
            ("order=asc", "order"),
            ("organization=x", "organization"),
        ] {
            let path = match field {
                "organization" => format!("{path}{query}"),
                _ => format!("{path}organization={}&{query}", scene.organization),
            };
            let answer = scene.admin.get(&scene.house, &path).await;
            assert_eq!(answer.refusal(), (422, "invalid_input"), "{path}");
            assert_eq!(answer.json["fields"][0]["field"], field, "{path}");
        }
    }
    for path in ["/v1/audit-events", "/v1/audit-events/export?format=csv"] {
        assert_eq!(scene.admin.get(&scene.house, path).await.refusal(), (422, "invalid_input"));
    }
    let export = format!("/v1/audit-events/export?organization={}", scene.organization);
    for path in [export.clone(), format!("{export}&format=xml"), format!("{export}&format=csv&limit=1")] {
        assert_eq!(scene.admin.get(&scene.house, &path).await.refusal(), (422, "invalid_input"));
    }
    for cursor in ["x", "", "AQ"] {
        let path = format!("/v1/audit-events?organization={}&cursor={cursor}", scene.organization);
        assert_eq!(scene.admin.get(&scene.house, &path).await.refusal(), (422, "invalid_input"));
    }
}

async fn the_newest_come_first_in_pages(on: On) {
    let house = House::new(on).await;
    busy(&house, 120).await;
    let scene = Scene::of(house).await;
    let all = pages(&scene, 7).await;
    assert!(all.len() > 120);
    assert!(all.is_sorted_by(|one, next| one > next), "{all:?}");
    assert_eq!(pages(&scene, 100).await, all);
}

/// The numbers of all events, read in pages.
async fn pages(scene: &Scene, limit: usize) -> Vec<u64> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/audit-events?organization={}&limit={limit}{cursor}", scene.organization);
        let page = scene.admin.get(&scene.house, &path).await;
        all.extend(numbers(&page));
        let Some(next) = page.json["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

async fn the_audit_of_one_organization_is_no_other_ones(on: On) {
    let scene = Scene::new(on).await;
    let other = scene.stranger.organization(&scene.house).await;
    let path = format!("/v1/audit-events?limit=100&organization={other}");
    let events = scene.stranger.get(&scene.house, &path).await;
    assert!(column(&events, "organization").iter().all(|organization| *organization == other));
    let auditor = scene.with_role("auditor", &scene.role("Auditor", &["doorkey.audit:read"]).await).await;
    assert_eq!(auditor.get(&scene.house, &path).await.refusal(), (404, "not_found"));
    let own = format!("/v1/audit-events?organization={}", scene.organization);
    assert_eq!(auditor.get(&scene.house, &own).await.status, 200);
    // Somebody else's try is in the audit of whom it was tried on.
    let input = json!({ "name": "Taken over" });
    assert_eq!(scene.stranger.patch(&scene.house, &scene.in_organization(""), input).await.status, 404);
    let last = auditor.get(&scene.house, &own).await.json["data"][0].clone();
    assert_eq!((&last["actor"]["id"], &last["code"]), (&json!(scene.stranger.id), &json!("not_found")));
}
