//! `GET /v1/catalogue`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorkey_core::Scope;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::caller::Caller;
use super::openapi::{refusals, schemas};
use crate::issuer::Issuer;
use crate::settings::{CatalogueScope, CustomLimit, KeyDefaults, RateLimit};

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What the operator has decided, as far as it matters to whoever manages keys.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Catalogue {
    scopes: Vec<ScopeView>,
    limits: Vec<LimitView>,
    keys: KeyDefaultsView,
}

/// One scope that the API knows.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = CatalogueScope)]
struct ScopeView {
    #[schema(value_type = schemas::Scope)]
    name: Scope,
    /// Empty for none.
    description: String,
    /// Whether a publishable key may have it.
    browser: bool,
    /// Whether the preset role `viewer` has it.
    viewer: bool,
    /// Whether a signed URL for it may be used more than once.
    reusable_urls: bool,
}

/// A limit of the operator's own, which the API enforces.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = CatalogueLimit)]
struct LimitView {
    name: String,
    /// Empty for none.
    description: String,
    /// What is counted.
    #[schema(required)]
    unit: Option<String>,
    /// What a key has unless it says otherwise; `null` is without limit.
    #[schema(required)]
    default: Option<u64>,
    /// The most that a key may have; `null` is without limit.
    #[schema(required)]
    maximum: Option<u64>,
}

/// What holds for keys, and what a new one has unless it says otherwise.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = KeyDefaults)]
struct KeyDefaultsView {
    /// How many active keys a workspace may have.
    per_workspace: u32,
    /// After how many days a new key expires; `null` is never.
    #[schema(required)]
    lifetime_days: Option<u32>,
    /// After how many days a key should be rolled; `null` is never.
    #[schema(required)]
    rotation_days: Option<u32>,
    #[schema(value_type = Option<schemas::RateLimit>, required)]
    rate_limit: Option<RateLimit>,
    /// How many requests a key has in a calendar month; `null` is without limit.
    #[schema(required)]
    monthly_quota: Option<u64>,
}

impl From<&CatalogueScope> for ScopeView {
    fn from(scope: &CatalogueScope) -> Self {
        let CatalogueScope { name, description, browser, viewer, reusable_urls } = scope.clone();
        Self { name, description, browser, viewer, reusable_urls }
    }
}

impl From<&CustomLimit> for LimitView {
    fn from(limit: &CustomLimit) -> Self {
        let CustomLimit { name, description, unit, default, maximum } = limit.clone();
        Self { name, description, unit, default, maximum }
    }
}

impl From<&KeyDefaults> for KeyDefaultsView {
    fn from(keys: &KeyDefaults) -> Self {
        let KeyDefaults { per_workspace, lifetime_days, rotation_days, rate_limit, monthly_quota } = keys.clone();
        Self { per_workspace, lifetime_days, rotation_days, rate_limit, monthly_quota }
    }
}

/// Show the catalogue
#[utoipa::path(
    get,
    path = "/v1/catalogue",
    operation_id = "showCatalogue",
    tag = "Catalogue",
    responses((status = 200, description = "Scopes, limits and what new keys have.", body = Catalogue), refusals::Read),
    security(("member" = [])),
)]
async fn show(State(issuer): Shared, _: Caller) -> Json<Catalogue> {
    let settings = issuer.settings();
    Json(Catalogue {
        scopes: settings.catalogue().all().iter().map(ScopeView::from).collect(),
        limits: settings.limits().all().iter().map(LimitView::from).collect(),
        keys: settings.keys().into(),
    })
}
