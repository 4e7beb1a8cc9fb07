use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use doorkey_core::Scope;

use super::{Input, MAX_LEN, RepeatableInput};
use crate::error::Error;

#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Picture {
    name: String,
    #[serde(default)]
    size: Option<Size>,
    #[serde(default)]
    scopes: Vec<Scope>,
    #[serde(default)]
    light: Option<Light>,
    #[serde(default)]
    any: Option<serde_json::Value>,
    #[serde(default)]
    tags: HashMap<String, u8>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    width: u32,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Light {
    Day,
    Night,
}

fn post(body: impl Into<Body>) -> Request {
    Request::post("/v1/pictures").header("content-type", "application/json").body(body.into()).unwrap()
}

async fn read(request: Request) -> Result<Picture, Error> {
    Input::from_request(request, &()).await.map(|Input(picture)| picture)
}

#[tokio::test]
async fn a_body_is_read() {
    assert_eq!(read(post(r#"{"name":"a","size":{"width":2}} "#)).await.unwrap().size, Some(Size { width: 2 }));
    let mut request = post(r#"{"name":"a"}"#);
    request.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
    assert_eq!(read(request).await.unwrap().name, "a");
    let nothing = Request::post("/").body(Body::empty()).unwrap();
    assert!(Input::<Option<Picture>>::from_request(nothing, &()).await.unwrap().0.is_none());
}

#[tokio::test]
async fn a_wrong_member_is_named_and_its_value_is_not() {
    for (body, field, detail) in [
        (r#"{"name":"a","nmae":"sk_secret"}"#, "nmae", "this is not known here"),
        (r#"{"name":"a","size":{"height":"sk_secret"}}"#, "size.height", "this is not known here"),
        (r#"{"name":"a","n, expected `n":1}"#, "?", "this is not known here"),
        ("{}", "name", "this is missing"),
        (r#"{"name":"a","size":{}}"#, "size.width", "this is missing"),
        (r#"{"name":1}"#, "name", "expected a string"),
        (r#"{"name":null}"#, "name", "expected a string"),
        (r#"{"name":"a","size":{"width":"sk_secret"}}"#, "size.width", "expected a whole number, not below zero"),
        (r#"{"name":"a","size":{"width":-1}}"#, "size.width", "expected a whole number, not below zero"),
        (r#"{"name":"a","size":"sk_secret, expected u8"}"#, "size", "expected an object"),
        (r#"{"name":"a","scopes":["a:b","sk_secret"]}"#, "scopes[1]", "a scope has the form resource:action"),
        (r#"{"name":"a","light":"sk_secret"}"#, "light", "expected `day` or `night`"),
        (r#"{"name":"a","size":{"e":1}}"#, "size.e", "this is not known here"),
        (r#"{"name":"a","tags":{"a":1,"b c":"sk_secret"}}"#, "tags.?", "expected a whole number, not below zero"),
        (r#"["sk_secret"]"#, ".", "expected an object"),
    ] {
        let error = read(post(body)).await.unwrap_err();
        assert_eq!(error.code().as_str(), "invalid_input", "{body}: {error}");
        let [wrong] = error.fields() else { panic!("{error}") };
        assert_eq!((&*wrong.field, &*wrong.detail), (field, detail), "{body}");
        assert!(!format!("{error:?}").contains("sk_secret"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let deep = format!(r#"{{"any":{}"#, "[".repeat(200));
    for body in [
        &b""[..],
        b"{",
        b"{'name':1}",
        b"{\"name\":\"sk_secret}",
        br#"{"name":"a"}{}"#,
        br#"{"name":"a","name":"b"}"#,
        br#"{"name":"a","size":{"width":1,"width":2}}"#,
        br#"{"name":"a","any":[{"a":1,"a":2}]}"#,
        br#"{"name":1,"size"}"#,
        b"{\"name\":\"\xff\"}",
        deep.as_bytes(),
    ] {
        let error = read(post(body.to_vec())).await.unwrap_err();
        assert_eq!(error.code().as_str(), "malformed_request", "{error}");
        assert!(!format!("{error:?}").contains("sk_secret"), "{error:?}");
    }
    for content_type in ["text/plain", "application/jsonp", "application/merge-patch+json", ""] {
        let mut request = post("{}");
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        assert_eq!(read(request).await.unwrap_err().code().as_str(), "malformed_request", "{content_type}");
    }
    let bare = Request::post("/").body(Body::from("{}")).unwrap();
    assert_eq!(read(bare).await.unwrap_err().code().as_str(), "malformed_request");
}

#[tokio::test(start_paused = true)]
async fn size_encoding_and_time_are_bounded() {
    let never = || Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let mut announced = post(never());
    announced.headers_mut().insert("content-length", (MAX_LEN + 1).into());
    assert_eq!(read(announced).await.unwrap_err().code().as_str(), "body_too_large");
    let long = format!(r#"{{"name":"{}"}}"#, "a".repeat(MAX_LEN));
    assert_eq!(read(post(long)).await.unwrap_err().code().as_str(), "body_too_large");
    let mut encoded = post(r#"{"name":"a"}"#);
    encoded.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(read(encoded).await.unwrap_err().code().as_str(), "unsupported_encoding");
    assert_eq!(read(post(never())).await.unwrap_err().code().as_str(), "request_timeout");
}

#[tokio::test]
async fn a_repeatable_request_has_a_key_and_a_fingerprint() {
    let repeat = async |path: &str, body: &'static str, keys: &[&str]| {
        let mut request = Request::post(path).header("content-type", "application/json");
        for key in keys {
            request = request.header("Idempotency-Key", *key);
        }
        let request = request.body(Body::from(body)).unwrap();
        RepeatableInput::<Picture>::from_request(request, &()).await.map(|repeatable| repeatable.idempotency)
    };
    let one = r#"{"name":"a"}"#;
    assert_eq!(repeat("/a", one, &[]).await.unwrap(), None);
    let first = repeat("/a", one, &["k1"]).await.unwrap().unwrap();
    assert_eq!(first.key, "k1");
    assert_eq!(first, repeat("/a", one, &["k1"]).await.unwrap().unwrap());
    for (path, body) in [("/b", one), ("/a", r#"{"name": "a"}"#)] {
        assert_ne!(first.fingerprint, repeat(path, body, &["k1"]).await.unwrap().unwrap().fingerprint);
    }
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    assert!(repeat("/a", one, &[&longest]).await.is_ok());
    for wrong in [&[""][..], &["a b"], &["k1", "k1"], &[&too_long]] {
        let error = repeat("/a", one, wrong).await.unwrap_err();
        assert_eq!((error.code().as_str(), &*error.fields()[0].field), ("invalid_input", "Idempotency-Key"));
    }
}
