//! How the first person comes in, and what people do to their own account.

use std::sync::Arc;

use doorkey_core::{parse_base64url, sha256};
use doorkey_verifier::SystemEntropy;
use http::{Method, Request};
use serde_json::json;

use crate::house::{Answer, CATALOGUE, House, NOW, OPERATOR, On, Stopped, open_at, send};
use crate::person::{PASSWORD, Person, request, token, visit};

on_each_database!(
    setup_happens_once,
    the_cookie_is_for_our_own_pages_alone,
    people_change_their_name_and_their_password,
    whoever_lost_the_password_comes_back_with_a_link,
    a_copy_of_the_database_lets_nobody_in,
    a_body_that_is_wrong_is_refused_and_not_repeated
);

async fn setup_happens_once(on: On) {
    let house = House::new(on).await;
    let link = |link: Option<doorkey_issuer::Link>| link.unwrap().as_str().to_owned();
    let replaced = link(house.issuer.registry().setup_link().await.unwrap());
    let good = link(house.issuer.registry().setup_link().await.unwrap());
    assert!(good.starts_with("http://localhost:7700/setup#token="), "{good}");
    let input =
        |link: &str| json!({ "token": token(link), "email": " Ada@Shop.Example", "name": "Ada", "password": PASSWORD });
    for wrong in [&*replaced, "#token=", "#token=AAAA"] {
        assert_eq!(visit(&house, "/v1/setup", &input(wrong)).await.refusal(), (401, "sign_in_refused"), "{wrong}");
    }
    let answer = visit(&house, "/v1/setup", &input(&good)).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!(answer.header("cache-control"), "no-store");
    let ada = Person::of(&answer, PASSWORD);
    assert_eq!(
        answer.json,
        json!({
            "member": { "id": ada.id, "email": "ada@shop.example", "name": "Ada", "operator": true },
            "sign_in": { "id": ada.sign_in, "created_at": NOW, "expires_at": NOW + 7 * 24 * 3600 },
        })
    );
    let me = ada.get(&house, "/v1/me").await;
    let organization = &me.json["memberships"][0];
    assert_eq!(me.json["memberships"].as_array().unwrap().len(), 1);
    assert!(organization["organization_name"].is_string() && organization["role"] == "admin", "{organization}");

    assert!(house.issuer.registry().setup_link().await.unwrap().is_none());
    assert_eq!(visit(&house, "/v1/setup", &input(&good)).await.refusal(), (401, "sign_in_refused"));
}

async fn the_cookie_is_for_our_own_pages_alone(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let credentials = json!({ "email": ada.email, "password": ada.password });
    let flags = |answer: &Answer| {
        let cookie = answer.header("set-cookie");
        let (value, flags) = cookie.split_once("; ").unwrap();
        let (name, value) = value.split_once('=').unwrap();
        assert_eq!(parse_base64url(value).unwrap().len(), 32, "{cookie}");
        format!("{name} {flags}")
    };
    let answer = visit(&house, "/v1/sign-ins", &credentials).await;
    assert_eq!(flags(&answer), "doorkey Path=/; HttpOnly; SameSite=Lax; Max-Age=604800");

    let (url, entropy) = ("https://keys.example.com", Arc::new(SystemEntropy));
    let (secure, _) = open_at(&house.store, url, CATALOGUE, 1, entropy, Arc::new(Stopped)).await.unwrap();
    let router = Arc::new(secure).router();
    let answer = send(&router, request(Method::POST, "/v1/sign-ins", Some(credentials))).await;
    assert_eq!(flags(&answer), "__Host-doorkey Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=604800");
    let cookie = Person::of(&answer, PASSWORD).cookie;
    let get = |cookie: &str| Request::get("/v1/me").header("cookie", cookie).body(axum::body::Body::empty()).unwrap();
    assert_eq!(send(&router, get(&cookie)).await.status, 200);
    // Without its prefix another host of the domain could have set it.
    let bare = cookie.trim_start_matches("__Host-");
    assert_eq!(send(&router, get(bare)).await.refusal(), (401, "credential_missing"));
}

async fn people_change_their_name_and_their_password(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let renamed = ada.patch(&house, "/v1/me", json!({ "name": "Ada Lovelace" })).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json["name"]), (200, &json!("Ada Lovelace")));
    assert_eq!(ada.get(&house, "/v1/me").await.json, renamed.json);
    for name in ["", " Ada", "A\nda", "A\0da", &"a".repeat(101)] {
        let answer = ada.patch(&house, "/v1/me", json!({ "name": name })).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{name:?}");
    }

    let other = ada.sign_in(&house).await;
    let change = async |current: &str, new: &str| {
        let input = json!({ "current_password": current, "new_password": new });
        ada.post(&house, "/v1/me/password", input).await
    };
    assert_eq!(change("wrong horse battery", "another horse battery").await.refusal(), (401, "sign_in_refused"));
    for new in ["short", "aaaaaaaaaaaaaaaa", "ada@shop.example"] {
        let answer = change(PASSWORD, new).await;
        assert_eq!(answer.refusal(), (422, "invalid_input"), "{new}");
        assert!(!answer.json.to_string().contains(new));
    }
    assert_eq!(other.get(&house, "/v1/me").await.status, 200);
    assert_eq!(change(PASSWORD, "another horse battery").await.status, 204);
    assert_eq!(other.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    assert_eq!(ada.get(&house, "/v1/me").await.status, 200);
    let sign_in = async |password: &str| {
        visit(&house, "/v1/sign-ins", &json!({ "email": ada.email, "password": password })).await
    };
    assert_eq!(sign_in(PASSWORD).await.refusal(), (401, "sign_in_refused"));
    assert_eq!(sign_in("another horse battery").await.status, 201);
}

async fn whoever_lost_the_password_comes_back_with_a_link(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let link = house.issuer.registry().recovery_link(&OPERATOR, &ada.email.parse().unwrap()).await.unwrap();
    let recover = async |password: &str| {
        visit(&house, "/v1/recovery", &json!({ "token": token(link.as_str()), "password": password })).await
    };
    assert_eq!(recover("short").await.refusal(), (422, "invalid_input"));
    assert_eq!(recover("ada@shop.example").await.refusal(), (422, "invalid_input"));
    let answer = recover("another horse battery").await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let again = Person::of(&answer, "another horse battery");
    assert_eq!((&again.id, &again.name), (&ada.id, &ada.name));
    assert_eq!(again.get(&house, "/v1/me").await.status, 200);
    assert_eq!(ada.get(&house, "/v1/me").await.refusal(), (401, "sign_in_refused"));
    assert_eq!(recover("one more horse battery").await.refusal(), (401, "sign_in_refused"));
}

async fn a_copy_of_the_database_lets_nobody_in(on: On) {
    let house = House::new(on).await;
    let setup = house.issuer.registry().setup_link().await.unwrap().unwrap();
    let holds = |kept: &[u8], needle: &[u8]| kept.windows(needle.len()).any(|window| window == needle);
    let check = |secret: &str| {
        let (kept, bytes) = (house.place.bytes(), parse_base64url(secret).unwrap());
        assert!(!holds(&kept, secret.as_bytes()) && !holds(&kept, &bytes), "a secret is stored");
        // It is not that the search finds nothing.
        assert!(holds(&kept, &sha256(&bytes)), "its hash is not stored");
    };
    check(token(setup.as_str()));
    let ada = Person::set_up(&house).await;
    check(ada.cookie.split_once('=').unwrap().1);
    let path = format!("/v1/organizations/{}/invitations", ada.organization(&house).await);
    let invited = ada.post(&house, &path, json!({ "email": "eve@shop.example" })).await;
    check(token(invited.json["link"].as_str().unwrap()));
    let recovery = house.issuer.registry().recovery_link(&OPERATOR, &ada.email.parse().unwrap()).await.unwrap();
    check(token(recovery.as_str()));
    let kept = house.place.bytes();
    assert!(holds(&kept, b"ada@shop.example"));
    assert!(!holds(&kept, PASSWORD.as_bytes()) && !holds(&kept, b"$argon2id$"));
}

async fn a_body_that_is_wrong_is_refused_and_not_repeated(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let send = async |path: &str, content_type: &str, body: String| {
        let mut request = ada.request(Method::POST, path, None);
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        *request.body_mut() = body.into();
        house.send(request).await
    };
    let long = "hunter2".repeat(20_000);
    let sign_in = |password: &str| format!(r#"{{"email":"ada@shop.example","password":{password}}}"#);
    for (path, body, refusal) in [
        ("/v1/sign-ins", String::new(), (400, "malformed_request")),
        ("/v1/sign-ins", "hunter2".into(), (400, "malformed_request")),
        ("/v1/sign-ins", sign_in("\"hunter2"), (400, "malformed_request")),
        ("/v1/sign-ins", sign_in(&format!("\"{long}\"")), (413, "body_too_large")),
        ("/v1/sign-ins", sign_in(&format!("\"{}\"", "hunter2".repeat(40))), (422, "invalid_input")),
        ("/v1/sign-ins", sign_in("[\"hunter2\"]"), (422, "invalid_input")),
        ("/v1/sign-ins", sign_in("{\"hunter2\":1}"), (422, "invalid_input")),
        ("/v1/sign-ins", sign_in("null"), (422, "invalid_input")),
        ("/v1/sign-ins", r#"{"email":"hunter2","password":"hunter2"}"#.into(), (422, "invalid_input")),
        ("/v1/sign-ins", r#"["ada@shop.example","hunter2"]"#.into(), (422, "invalid_input")),
        (
            "/v1/sign-ins",
            r#"{"email":"ada@shop.example","password":"a","password":"hunter2"}"#.into(),
            (400, "malformed_request"),
        ),
        ("/v1/sign-ins/confirm", r#"{"password":7777777}"#.into(), (422, "invalid_input")),
        ("/v1/me/password", r#"{"current_password":7777777,"new_password":"hunter2"}"#.into(), (422, "invalid_input")),
        ("/v1/me/password", r#"{"current_password":"a","new_password":"hunter2"}"#.into(), (422, "invalid_input")),
        ("/v1/setup", r#"{"token":["hunter2"]}"#.into(), (422, "invalid_input")),
        ("/v1/recovery", r#"{"token":"hunter2"}"#.into(), (422, "invalid_input")),
        ("/v1/invitations/show", r#"{"token":7777777}"#.into(), (422, "invalid_input")),
        ("/v1/invitations/accept", r#"{"token":"hunter2","name":"a"}"#.into(), (422, "invalid_input")),
    ] {
        let answer = send(path, "application/json", body.clone()).await;
        assert_eq!(answer.refusal(), refusal, "{path} {}", &body[..body.len().min(80)]);
        let text = answer.json.to_string();
        assert!(!text.contains("hunter2") && !text.contains("7777777"), "{text}");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = send("/v1/sign-ins", content_type, sign_in("\"hunter2\"")).await;
        assert_eq!(answer.refusal(), (400, "malformed_request"), "{content_type}");
    }
}
