use axum::body::Body;
use http::{Method, Request};

use crate::house::{House, On, PAGE};

on_each_database!(
    the_public_documents_are_for_everybody,
    what_is_not_there_is_a_problem_too,
    a_preflight_gets_a_plain_answer,
    the_openapi_document_is_served_with_its_etag,
    head_is_get_without_the_body
);

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn the_public_documents_are_for_everybody(on: On) {
    let house = House::new(on).await;
    let answer = house.send(get("/.well-known/doorkey")).await;
    assert_eq!(
        answer.json,
        serde_json::json!({
            "issuer": "http://localhost:7700",
            "jwks_uri": "http://localhost:7700/.well-known/jwks.json",
            "sessions_endpoint": "http://localhost:7700/v1/sessions",
            "audiences": ["http://localhost:7700"],
            "protocol_version": 1,
            "token_lifetime": 300,
        })
    );
    let jwks = house.send(get("/.well-known/jwks.json")).await;
    assert_eq!(jwks.json["keys"].as_array().unwrap().len(), 1);
    assert_eq!(jwks.header("content-type"), "application/jwk-set+json");
    for answer in [answer, jwks] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("x-request-id").starts_with("req_"));
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(house.send(get(path)).await.status, 200, "{path}");
    }
}

async fn what_is_not_there_is_a_problem_too(on: On) {
    let house = House::new(on).await;
    for path in ["/", "/v1/sessions/", "/v1/sessions/x", "/.well-known/jwks.json/..", "/%00"] {
        assert_eq!(house.send(get(path)).await.refusal(), (404, "not_found"), "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/sessions", "POST"),
        (Method::PUT, "/v1/sessions", "POST"),
        (Method::DELETE, "/healthz", "GET"),
        (Method::POST, "/.well-known/jwks.json", "GET"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = house.send(request).await;
        assert_eq!(answer.refusal(), (405, "method_not_allowed"), "{path}");
        assert!(answer.header("allow").contains(allowed), "{path}");
    }
}

async fn a_preflight_gets_a_plain_answer(on: On) {
    let house = House::new(on).await;
    for (origin, allowed) in [(PAGE, PAGE), ("null", "null"), ("nonsense", ""), ("https://a.example/", "")] {
        let request = Request::options("/v1/sessions")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let answer = house.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("access-control-allow-methods"), "POST");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

async fn the_openapi_document_is_served_with_its_etag(on: On) {
    let house = House::new(on).await;
    let answer = house.send(get("/openapi.json")).await;
    assert_eq!(answer.status, 200);
    // It names this issuer and its cookie; the rest is the same everywhere.
    let general: serde_json::Value = serde_json::from_str(&doorkey_issuer::openapi()).unwrap();
    assert_eq!(answer.json["paths"], general["paths"]);
    assert_eq!(answer.json["components"]["schemas"], general["components"]["schemas"]);
    assert_eq!(answer.json["servers"][0]["url"], "http://localhost:7700");
    assert_eq!(answer.json["components"]["securitySchemes"]["member"]["name"], "doorkey");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let etag = answer.header("etag").to_owned();
    for (known, status) in
        [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("*".into(), 304), ("\"x\"".into(), 200)]
    {
        let request = Request::get("/openapi.json").header("if-none-match", &known).body(Body::empty()).unwrap();
        let answer = house.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag")), (status, &*etag), "{known}");
    }
}

async fn head_is_get_without_the_body(on: On) {
    let house = House::new(on).await;
    for (path, status) in [("/openapi.json", 200), ("/healthz", 200), ("/nothing", 404)] {
        let request = Request::head(path).body(Body::empty()).unwrap();
        let answer = house.send(request).await;
        assert_eq!((answer.status.as_u16(), &answer.json), (status, &serde_json::Value::Null), "{path}");
        assert_ne!(answer.header("content-length"), "0", "{path}");
    }
}
