//! Each answer that a test gets, held against the OpenAPI document.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::{HeaderMap, Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(&doorkey_issuer::openapi()).unwrap();
    let composed = references_in_compositions(&document);
    for (name, schema) in document["components"]["schemas"].as_object_mut().unwrap() {
        if !composed.contains(name) {
            close(schema);
        }
    }
    document
});

/// By the schema's place in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails unless the document says that this operation can be answered so.
///
/// What the document has no path for is answered with 404 alone, and a method that it does not have with 405.
#[track_caller]
pub(crate) fn check(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let place = format!("{method} {path} {status}");
    let Some((template, item)) = find(path) else {
        assert_eq!(status, 404, "{place}: the document has no such path");
        return;
    };
    let name = method.as_str().to_ascii_lowercase();
    let name = if name == "head" && item.get("head").is_none() { "get".to_owned() } else { name };
    if item.get(&name).is_none() {
        assert_eq!(status, 405, "{place}: {template} has no such operation");
        return;
    }
    let responses =
        format!("/paths/{}/{name}/responses/{}", template.replace('~', "~0").replace('/', "~1"), status.as_u16());
    let response = resolve(responses).unwrap_or_else(|| panic!("{place}: {template} has no such status"));
    for (name, _) in at(&response)["headers"].as_object().into_iter().flatten() {
        let is_optional = name.starts_with("RateLimit") || name.starts_with("Access-Control-Allow-Origin");
        assert!(is_optional || headers.contains_key(name), "{place}: no {name}");
    }
    let content = at(&response)["content"].as_object();
    if *method == Method::HEAD || content.is_none() {
        assert!(body.is_empty(), "{place}: a body where the document has none");
        return;
    }
    let sent = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap();
    assert!(content.unwrap().contains_key(essence), "{place}: it is sent as {sent:?}");
    if essence.ends_with("json") {
        let schema = format!("{response}/content/{}/schema", essence.replace('/', "~1"));
        let validator = validator(&schema);
        let is_lines = essence.ends_with("ndjson");
        let documents = body.split(|byte| is_lines && *byte == b'\n').filter(|line| !is_lines || !line.is_empty());
        for document in documents {
            let body: Value = serde_json::from_slice(document).unwrap();
            let wrong: Vec<_> =
                validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(wrong.is_empty(), "{place}: {wrong:#?}\n{body:#}");
        }
    }
}

/// The path of the document that a request's path is one of; one without parameters first.
fn find(path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let matches = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(parameter), Some(value)) if parameter.starts_with('{') && !value.is_empty() => {}
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return false,
            }
        }
    };
    let found = paths.iter().filter(|(template, _)| matches(template));
    found.min_by_key(|(template, _)| template.matches('{').count()).map(|(template, item)| (template.as_str(), item))
}

fn at(pointer: &str) -> &'static Value {
    DOCUMENT.pointer(pointer).unwrap_or(&Value::Null)
}

/// Where the response is described, be it here or among the components.
fn resolve(pointer: String) -> Option<String> {
    let response = DOCUMENT.pointer(&pointer)?;
    Some(response["$ref"].as_str().map_or(pointer, |reference| reference.trim_start_matches('#').to_owned()))
}

fn validator(pointer: &str) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap();
    let compile = || {
        let schema = json!({ "allOf": [at(pointer)], "components": DOCUMENT["components"] });
        Arc::new(jsonschema::draft202012::new(&schema).unwrap())
    };
    Arc::clone(validators.entry(pointer.to_owned()).or_insert_with(compile))
}

/// Makes a member that the document does not know an error.
fn close(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if members.contains_key("properties") && !members.contains_key("allOf") {
        members.entry("additionalProperties").or_insert(false.into());
    }
    for (name, member) in members {
        match member {
            Value::Object(properties) if name == "properties" => properties.values_mut().for_each(close),
            Value::Object(_) if name == "items" || name == "additionalProperties" => close(member),
            Value::Array(schemas) if name == "oneOf" || name == "anyOf" => schemas.iter_mut().for_each(close),
            _ => {}
        }
    }
}

/// The schemas that others consist of: closed, they would refuse the others' members.
fn references_in_compositions(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(members) => {
            let parts = members.get("allOf").and_then(Value::as_array).into_iter().flatten();
            found.extend(parts.filter_map(|part| Some(part["$ref"].as_str()?.rsplit_once('/')?.1.to_owned())));
            found.extend(members.values().flat_map(references_in_compositions));
        }
        Value::Array(values) => found.extend(values.iter().flat_map(references_in_compositions)),
        _ => {}
    }
    found
}

#[test]
fn the_check_finds_what_is_wrong() {
    let check = |method: &str, path: &str, status: u16, content_type: &str, body: &str| {
        let mut headers = HeaderMap::new();
        for name in ["x-request-id", "cache-control", "retry-after"] {
            headers.insert(name, "x".parse().unwrap());
        }
        headers.insert("content-type", content_type.parse().unwrap());
        let (method, status) = (method.parse().unwrap(), StatusCode::from_u16(status).unwrap());
        std::panic::catch_unwind(|| check(&method, path, status, &headers, body.as_bytes())).is_ok()
    };
    let json = "application/json";
    let good = r#"{"issuer":"https://a.example","jwks_uri":"https://a.example/x","sessions_endpoint":"https://a.example/y",
        "audiences":["https://a.example"],"protocol_version":1,"token_lifetime":300}"#;
    assert!(check("GET", "/.well-known/doorkey", 200, json, good));
    assert!(check("GET", "/.well-known/doorkey", 200, "application/json; charset=utf-8", good));
    assert!(check("HEAD", "/.well-known/doorkey", 200, json, ""));
    assert!(check("GET", "/nothing", 404, json, ""));
    assert!(check("PUT", "/healthz", 405, json, ""));
    for (path, status, content_type, body) in [
        ("/nothing", 200, json, good),
        ("/.well-known/doorkey", 201, json, good),
        ("/.well-known/doorkey", 200, "text/plain", good),
        ("/.well-known/doorkey", 200, json, "{}"),
        ("/.well-known/doorkey", 200, json, &good.replace(":300", ":601")),
        ("/.well-known/doorkey", 200, json, &good.replace("https://a.example\"]", "a.example\"]")),
        ("/.well-known/doorkey", 200, json, &good.replace("300", "300,\"more\":1")),
        ("/.well-known/doorkey", 503, "application/problem+json", good),
    ] {
        assert!(!check("GET", path, status, content_type, body), "{path} {status} {content_type} {body}");
    }
}
