//! The OpenAPI document: made from the endpoints as they are registered, so that it cannot differ from them.

pub(super) mod refusals;
pub(super) mod schemas;

use axum::extract::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use doorkey_core::{Origin, sha256, to_base64url};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr};
use utoipa::openapi::{ObjectBuilder, Schema};

use super::cookie::SignInCookie;

/// The security scheme of a member's sign-in, for `security(("member" = []))`.
const MEMBER: &str = "member";
/// The same of a verifier's signature, for `security(("verifier" = []))`.
const VERIFIER: &str = "verifier";
/// Where the header that every response has is described.
const REQUEST_ID: &str = "#/components/headers/RequestId";

const DESCRIPTION: &str = "\
Issues API keys and session tokens.

Every refusal is a problem document (RFC 9457) with a stable `code`, and every response has an `X-Request-Id` under which \
it was logged. An address that does not take a method answers 405 with `Allow` (the response `MethodNotAllowed`); one \
where nothing is answers 404. `HEAD` is answered wherever `GET` is. Ids are TypeIDs. Times are Unix seconds.

What is no HTTP at all (a head of more than 16 KiB, lengths that contradict each other, bytes that a head cannot hold) is \
answered by the server in front of the API, with 400 or 431 and nothing else.";

const TAGS: [(&str, &str); 14] = [
    ("Sessions", "What browsers trade publishable keys for."),
    ("Keys", "Create, list, edit, roll and revoke keys."),
    ("Organizations", "The customers of the API."),
    ("Workspaces", "The units inside an organization, each with keys of its own."),
    ("Members", "Who belongs to an organization and its workspaces, and with which role."),
    ("Roles", "What members may do: the presets, and an organization's own sets of scopes."),
    ("Audit", "What was done, and what was refused."),
    ("Catalogue", "What the operator has decided: scopes, limits and what new keys have."),
    ("People", "One's own account: made with a setup link, kept with a password, recovered with a link."),
    ("Sign-ins", "Sign in and out, and see where one has signed in."),
    ("Invitations", "How everybody but the first comes in."),
    ("Verifiers", "What verifiers follow and report. Their requests are signed, and carry no other credential."),
    ("Discovery", "Public documents, for verifiers and tools."),
    ("Health", "For whoever keeps the issuer running."),
];

/// The OpenAPI 3.1 document of the issuer's HTTP API, as `GET /openapi.json` serves it.
///
/// ```
/// assert!(doorkey_issuer::openapi().contains(r#""mintSession""#));
/// ```
pub fn openapi() -> String {
    let (_, document) = super::endpoints(None).split_for_parts();
    to_json(document)
}

/// What the document says before any endpoint is registered.
pub(super) fn base() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("Doorkey")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(license));
    let sign_in = ApiKeyValue::with_description(
        "__Host-doorkey",
        "A member's sign-in. Its name is `doorkey` where the issuer is reached with http, on a loopback host.",
    );
    let signature = ApiKeyValue::with_description(
        "Signature",
        "A verifier's signature (RFC 9421) by the key of its credential, `keyid` being its id: over `@method`, \
         `@authority`, `@path`, `@query`, and of a body `content-type` and `content-digest`. There is no `Authorization`.",
    );
    let request_id = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).pattern(Some("^req_[A-Za-z0-9_-]{16}$"))))
        .description(Some("The id under which the request was logged."));
    let components = refusals::components()
        .fold(schemas::add(ComponentsBuilder::new()), |components, (name, response)| {
            components.response(name, response)
        })
        .header("RequestId", request_id.build())
        .security_scheme(MEMBER, SecurityScheme::ApiKey(ApiKey::Cookie(sign_in)))
        .security_scheme(VERIFIER, SecurityScheme::ApiKey(ApiKey::Header(signature)));
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new().info(info).tags(Some(tags)).components(Some(components.build())).build()
}

/// The document as it is served.
#[derive(Clone, Debug)]
pub(super) struct Document {
    json: Bytes,
    etag: HeaderValue,
}

impl Document {
    /// The document of an issuer at `public_url`, which names its cookie.
    pub(super) fn new(mut document: OpenApi, public_url: &Origin) -> Self {
        document.servers = Some(vec![Server::new(public_url.as_str())]);
        if let Some(components) = &mut document.components {
            let cookie = ApiKeyValue::with_description(SignInCookie::at(public_url).name(), "A member's sign-in.");
            components.add_security_scheme(MEMBER, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        }
        let json = to_json(document);
        let etag = format!("\"{}\"", to_base64url(&sha256(json.as_bytes())));
        let etag = HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\""));
        Self { json: json.into(), etag }
    }
}

/// Read this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describeApi",
    tag = "Discovery",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of the document that is at hand.")),
    responses(
        (
            status = 200,
            description = "The document.",
            body = schemas::AnyObject,
            headers(
                ("Cache-Control" = String, description = "`public, max-age=300`."),
                ("ETag" = String, description = "Differs when the document does."),
            ),
        ),
        (
            status = 304,
            description = "The document is the one at hand.",
            headers(("ETag" = String, description = "The document's.")),
        ),
        refusals::Any,
    ),
)]
pub(super) async fn document(Extension(document): Extension<Document>, headers: HeaderMap) -> Response {
    let common = [
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (ETAG, document.etag.clone()),
    ];
    let mut known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Ours holds no comma, so a list may be split at them. Here a weak tag is as good as a strong one.
    let is_known = known.any(|list| {
        list.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || document.etag == tag)
    });
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, "application/json")], document.json).into_response()
}

/// Writes the document, with what utoipa cannot be told at each endpoint.
fn to_json(mut document: OpenApi) -> String {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.headers.insert("X-Request-Id".into(), RefOr::Ref(Ref::new(REQUEST_ID)));
            }
        }
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
                without_null(schema);
            }
        }
    }
    // Of strings and numbers alone: writing it cannot fail.
    document.to_json().unwrap_or_default()
}

/// Of an `Option` utoipa says that it may be null. A parameter may be left out, and is never null.
fn without_null(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|known| *known != Type::Null);
                if let [only] = &types[..] {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
        }
        RefOr::T(Schema::OneOf(one)) => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            one.items.retain(|item| !is_null(item));
            if let [only] = &one.items[..] {
                *schema = only.clone();
            }
        }
        _ => {}
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = path;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

#[cfg(test)]
mod tests;
