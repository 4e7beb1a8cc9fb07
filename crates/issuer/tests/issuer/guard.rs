//! What holds for every endpoint that manages something, as the OpenAPI document lists them.

use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderName, Method};
use serde_json::Value;

use crate::house::{House, On};
use crate::person::{Person, request};

on_each_database!(
    no_key_and_no_token_manages_anything,
    no_page_of_another_site_changes_anything,
    whoever_has_not_signed_in_manages_nothing,
    what_is_for_verifiers_is_for_nobody_else
);

/// What is for everybody, so that it has no guard.
const PUBLIC: [&str; 3] = ["Sessions", "Discovery", "Health"];
/// What verifiers sign, and nobody else gets into.
const SIGNED: &str = "Verifiers";
/// What takes no sign-in, because it makes one, ends one, or shows what a link is about.
const FOR_VISITORS: [&str; 6] = ["acceptInvitation", "recover", "setUp", "showInvitation", "signIn", "signOut"];

struct Operation {
    id: String,
    method: Method,
    path: String,
    is_for_members: bool,
}

fn operations() -> Vec<Operation> {
    let all = operations_with(|tag| !PUBLIC.contains(&tag) && tag != SIGNED);
    assert!(all.len() > 20, "the document lists its operations");
    all
}

fn operations_with(is_meant: impl Fn(&str) -> bool) -> Vec<Operation> {
    let document: Value = serde_json::from_str(&doorkey_issuer::openapi()).unwrap();
    let mut all = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !is_meant(operation["tags"][0].as_str().unwrap()) {
                continue;
            }
            all.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_ascii_uppercase().parse().unwrap(),
                // Nobody gets as far as to read what it names.
                path: template
                    .split('/')
                    .map(|part| if part.starts_with('{') { "x" } else { part })
                    .collect::<Vec<_>>()
                    .join("/"),
                is_for_members: operation["security"][0]["member"].is_array(),
            });
        }
    }
    all
}

async fn no_key_and_no_token_manages_anything(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let (secret, publishable) = (house.keys.secret.to_key_string(), house.keys.publishable.to_string());
    for Operation { method, path, .. } in operations() {
        for (query, header, value) in [
            ("", "authorization", format!("Bearer {}", *secret)),
            ("", "authorization", format!("Bearer {publishable}")),
            ("", "authorization", "Doorkey a.b.c".into()),
            ("", "authorization", "Basic dTpw".into()),
            ("", "signature", "dk=:AA==:".into()),
            (&*format!("?api_key={}", *secret), "accept", "*/*".into()),
        ] {
            // A member's cookie beside it does not help.
            let mut request = ada.request(method.clone(), &format!("{path}{query}"), None);
            request.headers_mut().insert(HeaderName::from_static(header), value.parse().unwrap());
            let answer = house.send(request).await;
            assert_eq!(answer.refusal(), (403, "keys_cannot_manage_keys"), "{method} {path} {header}");
            assert!(!answer.json.to_string().contains(&secret[8..]), "{}", answer.json);
        }
    }
    assert_eq!(ada.get(&house, "/v1/me").await.status, 200);
    let mut other_scheme = ada.request(Method::GET, "/v1/me", None);
    other_scheme.headers_mut().insert(AUTHORIZATION, "Negotiate abc".parse().unwrap());
    assert_eq!(house.send(other_scheme).await.status, 200);
}

async fn no_page_of_another_site_changes_anything(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let before = ada.get(&house, "/v1/sign-ins").await.json;
    let me = ada.get(&house, "/v1/me").await.json;
    for Operation { method, path, .. } in operations().into_iter().filter(|operation| operation.method != Method::GET) {
        for (header, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let input = serde_json::json!({ "name": "Eve" });
            let mut request = ada.request(method.clone(), &path, Some(input));
            request.headers_mut().insert(HeaderName::from_static(header), value.parse().unwrap());
            let answer = house.send(request).await;
            assert_eq!(answer.refusal(), (403, "origin_not_allowed"), "{method} {path} {header}: {value}");
            assert!(
                !answer.headers.contains_key("set-cookie")
                    && !answer.headers.contains_key("access-control-allow-origin")
            );
        }
    }
    assert_eq!(ada.get(&house, "/v1/sign-ins").await.json, before);
    assert_eq!(ada.get(&house, "/v1/me").await.json, me);
    let mut own = ada.request(Method::PATCH, "/v1/me", Some(serde_json::json!({ "name": "Eve" })));
    own.headers_mut().insert(ORIGIN, "http://localhost:7700".parse().unwrap());
    assert_eq!(house.send(own).await.status, 200);
}

async fn whoever_has_not_signed_in_manages_nothing(on: On) {
    let house = House::new(on).await;
    let mut for_visitors = Vec::new();
    for Operation { id, method, path, is_for_members } in operations() {
        if !is_for_members {
            for_visitors.push(id);
            continue;
        }
        let answer = house.send(request(method.clone(), &path, None)).await;
        assert_eq!(answer.refusal(), (401, "credential_missing"), "{method} {path}");
        let mut ended = request(method.clone(), &path, None);
        let cookie = format!("doorkey={}", "A".repeat(43));
        ended.headers_mut().insert("cookie", cookie.parse().unwrap());
        assert_eq!(house.send(ended).await.refusal(), (401, "sign_in_refused"), "{method} {path}");
    }
    for_visitors.sort();
    assert_eq!(for_visitors, FOR_VISITORS);
}

async fn what_is_for_verifiers_is_for_nobody_else(on: On) {
    let house = House::new(on).await;
    let ada = Person::set_up(&house).await;
    let secret = house.keys.secret.to_key_string();
    let operations = operations_with(|tag| tag == SIGNED);
    assert_eq!(operations.len(), 2);
    for Operation { id, method, path, is_for_members } in operations {
        assert!(!is_for_members, "{id}");
        let answer = house.send(ada.request(method.clone(), &path, None)).await;
        assert_eq!(answer.refusal(), (401, "credential_missing"), "{method} {path}");
        for (name, value, code) in [
            ("authorization", format!("Bearer {}", *secret), "multiple_credentials"),
            ("authorization", "Doorkey a.b.c".into(), "multiple_credentials"),
            ("origin", "http://localhost:7700".into(), "origin_not_allowed"),
            ("signature", "dk=:AA==:".into(), "proof_missing"),
        ] {
            let mut request = request(method.clone(), &path, None);
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
            assert_eq!(house.send(request).await.refusal().1, code, "{method} {path} {name}");
        }
    }
}
