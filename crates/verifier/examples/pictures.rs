//! The sample API of the demo: a small picture service behind the verifier.
//!
//! It stores an uploaded picture, answers its type, dimensions and SHA-256, and lists what the workspace stored:
//! `pictures ISSUER AUDIENCE LISTEN [FOLDER]`, for instance
//! `cargo run --example pictures -- http://localhost:7700 http://localhost:7701 127.0.0.1:7701`.
//!
//! In FOLDER is `credential`, as `doorkey verifiers add` prints it; with it the API takes secret keys, too, and follows what
//! is revoked. The copy of the directory is kept there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use axum::extract::{Path as Captured, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use doorkey_core::{FieldError, WorkspaceId, sha256};
use doorkey_verifier::{
    Clock, Error, ErrorCode, IssuerClient, Policy, Principal, Refusal, RequireScope, SystemClock, Verifier,
    VerifierCredential, VerifierLayer,
};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The most pictures of a workspace; this is a demo, and its memory is the store.
const CAPACITY: usize = 200;

#[derive(Clone, Serialize)]
struct Picture {
    id: String,
    content_type: &'static str,
    width: usize,
    height: usize,
    bytes: usize,
    sha256: String,
    stored_at: String,
    #[serde(skip)]
    content: Bytes,
}

type Pictures = Arc<Mutex<HashMap<Option<WorkspaceId>, Vec<Picture>>>>;

async fn upload(
    State(pictures): State<Pictures>,
    principal: Principal,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let picture = read_picture(body)?;
    let mut pictures = pictures.lock().unwrap_or_else(PoisonError::into_inner);
    let stored = pictures.entry(principal.workspace()).or_default();
    if !stored.iter().any(|known| known.id == picture.id) {
        if stored.len() == CAPACITY {
            stored.remove(0);
        }
        stored.push(picture.clone());
    }
    Ok((StatusCode::CREATED, Json(picture)))
}

async fn list(State(pictures): State<Pictures>, principal: Principal) -> impl IntoResponse {
    let pictures = pictures.lock().unwrap_or_else(PoisonError::into_inner);
    let newest_first: Vec<_> = pictures.get(&principal.workspace()).into_iter().flatten().rev().cloned().collect();
    Json(serde_json::json!({ "pictures": newest_first }))
}

async fn show(
    State(pictures): State<Pictures>,
    principal: Principal,
    Captured(id): Captured<String>,
) -> Result<impl IntoResponse, Refusal> {
    let pictures = pictures.lock().unwrap_or_else(PoisonError::into_inner);
    let mut stored = pictures.get(&principal.workspace()).into_iter().flatten();
    match stored.find(|picture| picture.id == id) {
        Some(picture) => Ok(([(CONTENT_TYPE, picture.content_type)], picture.content.clone())),
        None => Err(Error::new(ErrorCode::NotFound, "the workspace has no such picture").into()),
    }
}

async fn not_found() -> Refusal {
    Error::new(ErrorCode::NotFound, "no such route").into()
}

async fn method_not_allowed() -> Refusal {
    Error::new(ErrorCode::MethodNotAllowed, "the route does not take this method").into()
}

/// Believes the bytes, not the header: a picture is what its first bytes say.
fn read_picture(content: Bytes) -> Result<Picture, Refusal> {
    use imagesize::ImageType::{Gif, Jpeg, Png, Webp};
    let content_type = match imagesize::image_type(&content) {
        // The library looks at the first bytes alone; the header's chunk comes right behind them.
        Ok(Png) if content.get(12..16) == Some(b"IHDR") => "image/png",
        Ok(Jpeg) => "image/jpeg",
        Ok(Gif) => "image/gif",
        Ok(Webp) => "image/webp",
        _ => return Err(invalid("not a PNG, JPEG, GIF or WebP picture")),
    };
    let size = imagesize::blob_size(&content).map_err(|_| invalid("the picture's dimensions cannot be read"))?;
    let sha256 = to_hex(&sha256(&content));
    let now = OffsetDateTime::UNIX_EPOCH + SystemClock.since_epoch();
    Ok(Picture {
        id: format!("pic_{}", &sha256[..24]),
        content_type,
        width: size.width,
        height: size.height,
        bytes: content.len(),
        sha256,
        stored_at: now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default(),
        content,
    })
}

fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn invalid(detail: &str) -> Refusal {
    let fields = vec![FieldError { field: "body".into(), detail: detail.into() }];
    Refusal::from(Error::new(ErrorCode::InvalidInput, "the body is not a picture")).with_fields(fields)
}

fn app(layer: VerifierLayer) -> Result<Router, Error> {
    let (read, write) = (RequireScope::new("pictures:read")?, RequireScope::new("pictures:write")?);
    Ok(Router::new()
        .route("/pictures", get(list).layer(read.clone()).post(axum::handler::Handler::layer(upload, write)))
        .route("/pictures/{id}", get(show).layer(read))
        .route("/whoami", get(|principal: Principal| async { Json(principal) }))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(layer)
        .with_state(Pictures::default()))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "whoever starts it waits for the line")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, listen, data @ ..] = &arguments[..] else {
        anyhow::bail!("usage: pictures ISSUER AUDIENCE LISTEN [FOLDER]")
    };
    let mut verifier = Verifier::new(Policy::new(issuer, audience)?)?;
    if let [folder] = data {
        let credential = std::fs::read_to_string(Path::new(folder).join("credential")).context("FOLDER/credential")?;
        let client = IssuerClient::new(VerifierCredential::parse(credential.trim_end())?);
        verifier = verifier.with_issuer(client.with_data(folder.into()).connect().await?);
    }
    let layer = verifier.into_layer();
    // What is signed in the second of its start it refuses.
    layer.verifier().ready().await;
    let app = app(layer)?;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("ready on {}", listener.local_addr()?);
    doorkey_verifier::serve(listener, app, std::future::pending(), Duration::ZERO).await;
    Ok(())
}
