//! Who may do what: everybody tries everything.

use http::Method;
use serde_json::{Value, json};

use super::{Scene, column, id};
use crate::house::On;
use crate::person::Person;

on_each_database!(
    everybody_may_do_what_the_role_permits_and_nothing_else,
    operators_alone_create_organizations,
    what_each_preset_permits_is_told
);

/// Forbidden to whoever belongs to the organization.
const FORBIDDEN: u16 = 403;
/// Not even there for the caller.
const HIDDEN: u16 = 404;

/// One thing to try, and what a member without a workspace, an editor, a viewer and a stranger hear; admins may.
struct Try {
    method: Method,
    path: String,
    input: Value,
    expected: [u16; 4],
    /// What it is called in the audit; of what is only read nothing is there.
    action: Option<&'static str>,
}

fn read(path: String, expected: [u16; 4]) -> Try {
    Try { method: Method::GET, path, input: Value::Null, expected, action: None }
}

fn change(method: Method, path: String, input: Value, expected: [u16; 4], action: &'static str) -> Try {
    Try { method, path, input, expected, action: Some(action) }
}

async fn everybody_may_do_what_the_role_permits_and_nothing_else(on: On) {
    let scene = Scene::new(on).await;
    let house = &scene.house;
    let role = scene.role("Painters", &["pictures:write"]).await;
    let workspaces = json!([{ "workspace": scene.workspace, "role": "viewer" }]);
    let target = scene.admin.invite(house, &scene.organization, "tom@shop.example", "member", workspaces).await;
    let tries = tries(&scene, &target, &role);
    for (person, column) in [(&scene.member, 0), (&scene.editor, 1), (&scene.viewer, 2), (&scene.stranger, 3)] {
        for one in &tries {
            one.is_answered(&scene, person, one.expected[column]).await;
        }
    }
    for one in &tries {
        let answer = house.send(scene.admin.request(one.method.clone(), &one.path, Some(one.input.clone()))).await;
        assert!(answer.status.is_success(), "{} {}: {}", one.method, one.path, answer.json);
    }
}

fn tries(scene: &Scene, target: &Person, role: &str) -> Vec<Try> {
    let (organization, workspace) = (|rest: &str| scene.in_organization(rest), |rest: &str| scene.in_workspace(rest));
    let role = organization(&format!("/roles/{role}"));
    let member = scene.member_path(target);
    let workspace_member = workspace(&format!("/members/{}", target.id));
    let events = format!("/v1/audit-events?organization={}", scene.organization);
    let export = format!("/v1/audit-events/export?format=csv&organization={}", scene.organization);
    let all = [200, 200, 200, HIDDEN];
    let none = [FORBIDDEN, FORBIDDEN, FORBIDDEN, HIDDEN];
    // Who has no role in a workspace does not see it.
    let (inside, changes_inside) = ([HIDDEN, 200, 200, HIDDEN], [HIDDEN, FORBIDDEN, FORBIDDEN, HIDDEN]);
    let (named, name) = (|name: &str| json!({ "name": name }), "Renamed");
    vec![
        read(organization(""), all),
        read(organization("/workspaces"), all),
        read(organization("/members"), all),
        read(member.clone(), all),
        read(organization("/roles"), all),
        read(role.clone(), all),
        read(workspace(""), inside),
        read(workspace("/members"), inside),
        read(events, none),
        read(export, none),
        read("/v1/presets".into(), [200; 4]),
        read("/v1/catalogue".into(), [200; 4]),
        read("/v1/organizations".into(), [200; 4]),
        change(Method::PATCH, organization(""), named(name), none, "organization.update"),
        change(Method::POST, organization("/archive"), Value::Null, none, "organization.archive"),
        change(Method::POST, organization("/unarchive"), Value::Null, none, "organization.unarchive"),
        change(Method::POST, organization("/workspaces"), named("New"), none, "workspace.create"),
        change(Method::PATCH, workspace(""), named(name), changes_inside, "workspace.update"),
        change(Method::POST, workspace("/archive"), Value::Null, changes_inside, "workspace.archive"),
        change(Method::POST, workspace("/unarchive"), Value::Null, changes_inside, "workspace.unarchive"),
        change(
            Method::PUT,
            workspace_member.clone(),
            json!({ "role": "editor" }),
            changes_inside,
            "workspace_member.set",
        ),
        change(Method::DELETE, workspace_member, Value::Null, changes_inside, "workspace_member.remove"),
        change(Method::PATCH, member.clone(), json!({ "role": "admin" }), none, "member.update"),
        change(Method::DELETE, member, Value::Null, none, "member.remove"),
        change(Method::POST, organization("/roles"), json!({ "name": "New", "scopes": [] }), none, "role.create"),
        change(Method::PATCH, role.clone(), named(name), none, "role.update"),
        change(Method::DELETE, role, Value::Null, none, "role.delete"),
    ]
}

impl Try {
    /// Tries it; after a refusal all is as before, but for the line that says so.
    async fn is_answered(&self, scene: &Scene, person: &Person, expected: u16) {
        let place = format!("{} {} by {}", self.method, self.path, person.name);
        let before = State::of(scene).await;
        let answer = scene.house.send(person.request(self.method.clone(), &self.path, Some(self.input.clone()))).await;
        assert_eq!(answer.status, expected, "{place}: {}", answer.json);
        if expected == 200 {
            return;
        }
        let code = if expected == FORBIDDEN { "insufficient_scope" } else { "not_found" };
        assert_eq!(answer.refusal(), (expected, code), "{place}");
        let after = State::of(scene).await;
        assert_eq!(after.views, before.views, "{place}");
        let Some(action) = self.action else {
            assert_eq!(after.last, before.last, "{place}");
            return;
        };
        assert_eq!(after.last["sequence"].as_u64().unwrap(), before.last["sequence"].as_u64().unwrap() + 1, "{place}");
        let line = json!({
            "action": after.last["action"], "outcome": after.last["outcome"], "code": after.last["code"],
            "actor": after.last["actor"], "request_id": after.last["request_id"], "detail": after.last["detail"],
        });
        let actor = json!({ "kind": "member", "id": person.id, "name": person.email });
        let expected = json!({
            "action": action, "outcome": "refused", "code": code,
            "actor": actor, "request_id": answer.header("x-request-id"), "detail": {},
        });
        assert_eq!(line, expected, "{place}");
    }
}

/// All that could be changed, and the last line of the audit.
struct State {
    views: Vec<Value>,
    last: Value,
}

impl State {
    async fn of(scene: &Scene) -> Self {
        let mut views = Vec::new();
        for path in ["", "/workspaces", "/members", "/roles", "/invitations"] {
            views.push(scene.admin.get(&scene.house, &scene.in_organization(path)).await.json);
        }
        for path in ["", "/members"] {
            views.push(scene.admin.get(&scene.house, &scene.in_workspace(path)).await.json);
        }
        let keys = format!("/v1/keys?organization={}", scene.organization);
        views.push(scene.admin.get(&scene.house, &keys).await.json);
        let events = format!("/v1/audit-events?limit=1&organization={}", scene.organization);
        let events = scene.admin.get(&scene.house, &events).await;
        Self { views, last: events.json["data"][0].clone() }
    }
}

async fn operators_alone_create_organizations(on: On) {
    let scene = Scene::new(on).await;
    let input = json!({ "name": "Mine" });
    for person in [&scene.member, &scene.stranger] {
        let answer = person.post(&scene.house, "/v1/organizations", input.clone()).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
    }
    let created = id(&scene.admin.post(&scene.house, "/v1/organizations", input).await);
    let listed = scene.admin.get(&scene.house, "/v1/organizations").await;
    assert!(column(&listed, "id").contains(&created.clone().into()));
    let me = scene.admin.get(&scene.house, &format!("/v1/organizations/{created}/members/{}", scene.admin.id)).await;
    assert_eq!(me.json["role"], "admin");
    for wrong in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": " a" }),
        json!({ "name": 1 }),
        json!({ "name": "a", "x": 1 }),
    ] {
        let answer = scene.admin.post(&scene.house, "/v1/organizations", wrong).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"));
    }
}

async fn what_each_preset_permits_is_told(on: On) {
    let scene = Scene::new(on).await;
    let presets = scene.member.get(&scene.house, "/v1/presets").await.json;
    let names = |list: &Value| list.as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&presets["organization"]), ["admin", "member"]);
    assert_eq!(names(&presets["workspace"]), ["editor", "viewer"]);
    assert_eq!(names(&presets["permissions"]).len(), 8);
    assert_eq!(presets["organization"][0]["permissions"].as_array().unwrap().len(), 8);
    assert_eq!(presets["organization"][1]["permissions"], json!(["doorkey.members:read"]));
    assert_eq!(presets["workspace"][1]["scopes"], json!(["pictures:read"]));
    assert_eq!(presets["permissions"][0]["description"], "See keys.");
    // Each of them can stand in a custom role.
    let permissions = names(&presets["permissions"]);
    let permissions: Vec<_> = permissions.iter().map(|name| name.as_str().unwrap()).collect();
    scene.role("Everything", &permissions).await;
    let catalogue = scene.member.get(&scene.house, "/v1/catalogue").await.json;
    assert_eq!(names(&catalogue["scopes"]), ["pictures:read", "pictures:write", "pictures:delete"]);
    let read =
        json!({ "name": "pictures:read", "description": "", "browser": true, "viewer": true, "reusable_urls": false });
    assert_eq!(catalogue["scopes"][0], read);
    assert_eq!(catalogue["keys"]["per_workspace"], 50);
    assert_eq!(catalogue["limits"], json!([]));
}
