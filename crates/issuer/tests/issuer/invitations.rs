//! How everybody but the first comes in.

use std::sync::Arc;

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::house::{Answer, CATALOGUE, House, Moving, NOW, On, Seeded};
use crate::person::{PASSWORD, Person, token, visit};

on_each_database!(
    an_invitation_leads_into_the_organization,
    an_invitation_sent_twice_is_made_once,
    a_link_that_is_not_good_any_more_leads_nowhere,
    whoever_has_an_account_signs_in_to_accept,
    only_who_manages_members_invites,
    what_is_wrong_with_an_invitation_is_said
);

const WEEK: u64 = 7 * 24 * 3600;

fn path(organization: &str) -> String {
    format!("/v1/organizations/{organization}/invitations")
}

fn link(answer: &Answer) -> &str {
    assert_eq!(answer.status, 201, "{}", answer.json);
    token(answer.json["link"].as_str().unwrap())
}

async fn show(house: &House, token: &str) -> Answer {
    visit(house, "/v1/invitations/show", &json!({ "token": token })).await
}

async fn accept(house: &House, token: &str) -> Answer {
    visit(house, "/v1/invitations/accept", &json!({ "token": token, "name": "Eve", "password": PASSWORD })).await
}

/// The workspace that there is from the start.
async fn workspace(house: &House, ada: &Person, organization: &str) -> String {
    let keys = ada.get(house, &format!("/v1/keys?organization={organization}")).await;
    keys.json["data"][0]["workspace"].as_str().unwrap().to_owned()
}

async fn an_invitation_leads_into_the_organization(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let workspace = workspace(&house, &ada, &organization).await;
    let input = json!({
        "email": "Eve@Shop.Example",
        "workspaces": [{ "workspace": workspace, "role": "viewer" }],
    });
    let invited = ada.post(&house, &path(&organization), input.clone()).await;
    assert_eq!(invited.header("cache-control"), "no-store");
    assert!(invited.json["link"].as_str().unwrap().starts_with("http://localhost:7700/invitation#token="));
    let token = link(&invited).to_owned();
    let mut view = invited.json.clone();
    view.as_object_mut().unwrap().remove("link");
    let expected = json!({
        "id": invited.json["id"], "organization": organization, "email": "eve@shop.example", "role": "member",
        "workspaces": input["workspaces"], "invited_by": ada.id, "created_at": NOW, "expires_at": NOW + WEEK,
    });
    assert_eq!(view, expected);
    let listed = ada.get(&house, &path(&organization)).await;
    assert_eq!(listed.json, json!({ "data": [view], "next_cursor": null }));

    let shown = show(&house, &token).await;
    let name = ada.get(&house, "/v1/me").await.json["memberships"][0]["organization_name"].clone();
    let expected = json!({
        "organization_name": name, "email": "eve@shop.example", "role": "member", "role_name": null,
        "expires_at": NOW + WEEK,
    });
    assert_eq!((shown.status.as_u16(), shown.json), (200, expected));

    let accepted = accept(&house, &token).await;
    assert_eq!((accepted.status.as_u16(), &accepted.json["organization"]), (201, &json!(organization)));
    let eve = Person::of(&accepted, PASSWORD);
    let me = eve.get(&house, "/v1/me").await.json;
    assert_eq!((&me["email"], &me["operator"]), (&json!("eve@shop.example"), &json!(false)));
    let membership = json!({ "organization": organization, "organization_name": name, "role": "member" });
    assert_eq!(me["memberships"], json!([membership]));
    assert_eq!(eve.get(&house, &format!("/v1/keys?workspace={workspace}")).await.status, 200);

    // It was for once.
    assert_eq!(accept(&house, &token).await.refusal(), (401, "sign_in_refused"));
    assert_eq!(show(&house, &token).await.refusal(), (401, "sign_in_refused"));
    assert_eq!(ada.get(&house, &path(&organization)).await.json["data"], json!([]));
    assert_eq!(ada.post(&house, &path(&organization), input).await.refusal(), (409, "conflict"));
}

async fn an_invitation_sent_twice_is_made_once(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let send = async |email: &str| {
        let input = json!({ "email": email, "role": "admin" });
        let mut request = ada.request(Method::POST, &path(&organization), Some(input));
        request.headers_mut().insert("idempotency-key", HeaderValue::from_static("once"));
        house.send(request).await
    };
    let first = send("eve@shop.example").await;
    let again = send("eve@shop.example").await;
    assert_eq!((again.status.as_u16(), &again.json["link"]), (201, &Value::Null));
    assert_eq!(again.json["id"], first.json["id"]);
    assert_eq!(send("bob@shop.example").await.refusal(), (422, "invalid_input"));
    assert_eq!(show(&house, link(&first)).await.json["role"], "admin");

    for email in ["a@shop.example", "b@shop.example"] {
        ada.post(&house, &path(&organization), json!({ "email": email })).await;
    }
    let mut emails = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = ada.get(&house, &format!("{}{query}", path(&organization))).await.json;
        emails.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["email"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    emails.sort_by_key(ToString::to_string);
    assert_eq!(emails, ["a@shop.example", "b@shop.example", "eve@shop.example"]);
}

async fn a_link_that_is_not_good_any_more_leads_nowhere(on: On) {
    let clock = Arc::new(Moving::default());
    let house = House::with_clock(on, CATALOGUE, Arc::new(Seeded::default()), clock.clone()).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let invite = async || {
        let answer = ada.post(&house, &path(&organization), json!({ "email": "eve@shop.example" })).await;
        (answer.json["id"].as_str().unwrap().to_owned(), link(&answer).to_owned())
    };
    let (replaced_id, replaced) = invite().await;
    let (id, revoked) = invite().await;
    assert_eq!(ada.get(&house, &path(&organization)).await.json["data"].as_array().unwrap().len(), 1);
    assert_eq!(show(&house, &revoked).await.status, 200);
    let revoke = |id: &str| format!("{}/{id}", path(&organization));
    assert_eq!(ada.delete(&house, &revoke(&replaced_id)).await.refusal(), (404, "not_found"));
    let elsewhere = revoke(&id).replace(&organization, "org_01h455vb4pex5vsknk084sn02q");
    assert_eq!(ada.delete(&house, &elsewhere).await.refusal(), (404, "not_found"));
    assert_eq!(ada.delete(&house, &revoke(&id)).await.status, 204);
    assert_eq!(ada.delete(&house, &revoke(&id)).await.refusal(), (404, "not_found"));
    let (_, expired) = invite().await;
    clock.pass(WEEK - 1);
    assert_eq!(show(&house, &expired).await.status, 200);
    clock.pass(1);
    // Nor is it kept.
    house.issuer.registry().forget().await.unwrap();
    assert_eq!(house.place.execute("DELETE FROM invitations").await, 0);
    for link in [&*replaced, &revoked, &expired, "", "AAAA", &"A".repeat(43)] {
        assert_eq!(show(&house, link).await.refusal(), (401, "sign_in_refused"));
        assert_eq!(accept(&house, link).await.refusal(), (401, "sign_in_refused"));
    }
}

async fn whoever_has_an_account_signs_in_to_accept(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let stranger = ada.stranger(&house).await;
    let invited = ada.post(&house, &path(&organization), json!({ "email": stranger.email })).await;
    let token = link(&invited);
    assert_eq!(accept(&house, token).await.refusal(), (409, "conflict"));
    let input = json!({ "token": token });
    let anonymous = visit(&house, "/v1/invitations/accept", &input).await;
    assert_eq!(anonymous.refusal(), (401, "credential_missing"));
    // Somebody else is signed in.
    let other = ada.post(&house, "/v1/invitations/accept", input.clone()).await;
    assert_eq!(other.refusal(), (401, "sign_in_refused"));
    for (member, value) in [("name", "Eve"), ("password", PASSWORD)] {
        let mut half = input.clone();
        half[member] = value.into();
        let answer = stranger.post(&house, "/v1/invitations/accept", half).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"));
    }
    let accepted = stranger.post(&house, "/v1/invitations/accept", input).await;
    assert_eq!(accepted.status, 201, "{}", accepted.json);
    assert!(!accepted.headers.contains_key("set-cookie"));
    assert_eq!(accepted.json["member"]["id"], stranger.id);
    assert_eq!(accepted.json["sign_in"]["id"], stranger.sign_in);
    let me = stranger.get(&house, "/v1/me").await.json;
    let joined = me["memberships"].as_array().unwrap().iter().any(|one| one["organization"] == organization);
    assert!(joined, "{me}");
}

async fn only_who_manages_members_invites(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let workspace = workspace(&house, &ada, &organization).await;
    let open = ada.post(&house, &path(&organization), json!({ "email": "open@shop.example" })).await;
    let open = format!("{}/{}", path(&organization), open.json["id"].as_str().unwrap());
    for role in ["viewer", "editor"] {
        let workspaces = json!([{ "workspace": workspace, "role": role }]);
        let email = format!("{role}@shop.example");
        let person = ada.invite(&house, &organization, &email, "member", workspaces).await;
        let answer = person.post(&house, &path(&organization), json!({ "email": "bob@shop.example" })).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
        assert_eq!(person.delete(&house, &open).await.refusal(), (403, "insufficient_scope"));
    }
    let stranger = ada.stranger(&house).await;
    assert_eq!(stranger.get(&house, &path(&organization)).await.refusal(), (404, "not_found"));
    let answer = stranger.post(&house, &path(&organization), json!({ "email": "bob@shop.example" })).await;
    assert_eq!(answer.refusal(), (404, "not_found"));
    assert_eq!(stranger.delete(&house, &open).await.refusal(), (404, "not_found"));
    assert_eq!(ada.get(&house, &path(&organization)).await.json["data"].as_array().unwrap().len(), 1);
    let admin = ada.invite(&house, &organization, "admin@shop.example", "admin", json!([])).await;
    assert_eq!(admin.delete(&house, &open).await.status, 204);
}

async fn what_is_wrong_with_an_invitation_is_said(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let organization = ada.organization(&house).await;
    let workspace = workspace(&house, &ada, &organization).await;
    let elsewhere = "wsp_01h455vb4pex5vsknk084sn02q";
    let viewer = |workspace: &str| json!({ "workspace": workspace, "role": "viewer" });
    for (member, value, field) in [
        ("email", json!("Eve <eve@shop.example>"), "email"),
        ("email", Value::Null, "email"),
        ("role", json!("owner"), "role"),
        ("role", json!("rol_01h455vb4pex5vsknk084sn02q"), "role"),
        ("workspaces", json!([viewer(elsewhere)]), "workspaces"),
        ("workspaces", json!([viewer(&workspace), viewer(&workspace)]), "workspaces"),
        ("workspaces", json!([{ "workspace": workspace, "role": "admin" }]), "workspaces[0].role"),
        ("workspaces", json!([{ "workspace": workspace }]), "workspaces[0].role"),
        ("admin", json!(true), "admin"),
    ] {
        let mut input = json!({ "email": "eve@shop.example" });
        input[member] = value;
        let answer = ada.post(&house, &path(&organization), input).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"));
        assert_eq!(answer.json["fields"][0]["field"], field, "{}", answer.json);
    }
    let nowhere = ada.post(&house, "/v1/organizations/acme/invitations", json!({ "email": "eve@shop.example" })).await;
    assert_eq!(nowhere.refusal(), (404, "not_found"));
}
