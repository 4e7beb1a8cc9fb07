use std::collections::HashSet;

use axum::response::IntoResponse;
use doorkey_core::{KeyId, MemberId, OrganizationId};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{refusals, schemas};
use crate::error::Error;
use crate::http::input::{Input, RepeatableInput};
use crate::http::page::{Listing, Page};
use crate::http::path::Path;
use crate::http::query::Query;
use crate::http::revision::{ETag, IfMatch};

#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&super::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{place}: {id} twice");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.ends_with('.')), "{place}");
            assert!(tags.contains(&&operation["tags"][0]), "{place}: a tag of the document");
            assert!(operation["responses"]["503"].is_object(), "{place}: anything may fail");
        }
    }
    let mint = &document["paths"][doorkey_core::MINT_PATH]["post"];
    assert_eq!(mint["parameters"][0]["schema"], json!({ "$ref": "#/components/schemas/Origin" }));
}

#[test]
fn every_reference_leads_somewhere() {
    every_reference_in_leads_somewhere(&serde_json::from_str(&super::openapi()).unwrap());
}

fn every_reference_in_leads_somewhere(document: &Value) {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref") {
                    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                members.values().for_each(|member| check(document, member));
            }
            Value::Array(values) => values.iter().for_each(|value| check(document, value)),
            _ => {}
        }
    }
    check(document, document);
}

/// How an endpoint that manages something is written.
#[derive(serde::Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Place {
    /// The organization.
    #[param(value_type = schemas::OrganizationId)]
    organization: OrganizationId,
    /// The member.
    #[param(value_type = schemas::MemberId)]
    member: MemberId,
}

#[derive(serde::Serialize, ToSchema)]
struct Shown {
    /// The key.
    #[schema(value_type = schemas::KeyId)]
    id: KeyId,
}

#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renamed {
    name: Option<String>,
}

/// List the keys of a member
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization}/members/{member}/keys",
    operation_id = "listKeys",
    tag = "Keys",
    params(Place, Page),
    responses((status = 200, description = "The keys.", body = Listing<Shown>), refusals::Read),
    security(("member" = [])),
)]
async fn list(Path(place): Path<Place>, Query(page): Query<Page>) -> Result<impl IntoResponse, Error> {
    let _ = (place.organization, place.member, page.limit);
    Ok(axum::Json(Listing::whole(vec![Shown { id: KeyId::from_bytes([1; 16]) }])))
}

/// Rename a key
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization}/members/{member}/keys",
    operation_id = "renameKey",
    tag = "Keys",
    params(Place, ("If-Match" = Option<String>, Header, description = "The revision that is meant.")),
    request_body = Renamed,
    responses((status = 200, description = "The key.", body = Shown), refusals::Edit),
    security(("member" = [])),
)]
async fn rename(
    Path(place): Path<Place>,
    if_match: IfMatch,
    Input(renamed): Input<Renamed>,
) -> Result<impl IntoResponse, Error> {
    if_match.check(7)?;
    let _ = (place.member, renamed.name);
    Ok((ETag(8), axum::Json(Shown { id: KeyId::from_bytes([1; 16]) })))
}

/// Create a key
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/members/{member}/keys",
    operation_id = "createKey",
    tag = "Keys",
    params(Place, ("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once.")),
    request_body = Renamed,
    responses((status = 201, description = "The key.", body = Shown), refusals::Change),
    security(("member" = [])),
)]
async fn create(Path(_): Path<Place>, repeatable: RepeatableInput<Renamed>) -> Result<impl IntoResponse, Error> {
    let _ = (repeatable.input.name, repeatable.idempotency);
    Ok((http::StatusCode::CREATED, axum::Json(Shown { id: KeyId::from_bytes([1; 16]) })))
}

#[test]
fn an_endpoint_is_described_by_what_it_takes_and_gives() {
    let router: OpenApiRouter = OpenApiRouter::with_openapi(super::base()).routes(routes!(list, rename, create));
    let document: Value = serde_json::from_str(&super::to_json(router.split_for_parts().1)).unwrap();
    let item = &document["paths"]["/v1/organizations/{organization}/members/{member}/keys"];
    let parameters: Vec<_> = item["get"]["parameters"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(parameters, ["organization", "member", "limit", "cursor"]);
    assert_eq!(item["get"]["parameters"][0]["schema"]["$ref"], "#/components/schemas/OrganizationId");
    assert_eq!(item["get"]["parameters"][2]["required"], false);
    assert_eq!(item["get"]["parameters"][2]["schema"]["type"], "integer");
    assert_eq!(item["get"]["security"], json!([{ "member": [] }]));
    let listing = &item["get"]["responses"]["200"];
    assert_eq!(listing["headers"]["X-Request-Id"]["$ref"], super::REQUEST_ID);
    assert_eq!(item["patch"]["responses"]["412"]["$ref"], "#/components/responses/PreconditionFailed");
    for name in ["Listing_Shown", "Renamed", "Shown", "KeyId"] {
        assert!(document["components"]["schemas"][name].is_object(), "{name}: {}", document["components"]["schemas"]);
    }
    every_reference_in_leads_somewhere(&document);
}
