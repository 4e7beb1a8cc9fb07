//! The HTTP API, one file per endpoint.

// What endpoints are made of: each answer's envelope, and what is read from requests.
mod problem;
mod envelope;
mod body;
mod wrong;
mod cookie;
mod credential;
mod csrf;
mod input;
mod page;
mod path;
mod query;
mod revision;
mod openapi;
mod caller;
mod outlive;
mod signed;
mod token;

mod audit;
mod catalogue;
mod health;
mod invitations;
mod keys;
mod members;
mod organizations;
mod people;
mod roles;
mod sessions;
mod sign_ins;
mod verifiers;
mod well_known;
mod workspaces;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::middleware::{from_fn, from_fn_with_state};
use doorkey_core::ErrorCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::issuer::Issuer;

pub use openapi::openapi;

type Shared = State<Arc<Issuer>>;

impl Issuer {
    /// The issuer's HTTP API. Requests carry their peer's address as [`ConnectInfo`](axum::extract::ConnectInfo), as
    /// [`serve`](crate::serve) sees to; those that do not count as from one and the same address. What a peer says about
    /// where a request came from is believed of [trusted proxies](crate::TrustedProxies) alone.
    pub fn router(self: Arc<Self>) -> Router {
        let (router, document) = endpoints(Some(&self)).split_for_parts();
        router
            .fallback(async || Error::new(ErrorCode::NotFound, "there is nothing at this address"))
            // Axum adds `Allow`, which says what does exist here.
            .method_not_allowed_fallback(async || {
                Error::new(ErrorCode::MethodNotAllowed, "this address does not take this method")
            })
            .layer(Extension(openapi::Document::new(document, self.settings().public_url())))
            .layer(from_fn_with_state(Arc::clone(&self), envelope::wrap))
            .with_state(self)
    }
}

/// Every endpoint, with what the OpenAPI document says of it. Those that manage something stand behind a guard; those of
/// verifiers look for a signature themselves.
fn endpoints(issuer: Option<&Arc<Issuer>>) -> OpenApiRouter<Arc<Issuer>> {
    let mut managing = OpenApiRouter::new()
        .merge(people::endpoints())
        .merge(sign_ins::endpoints())
        .merge(invitations::endpoints())
        .merge(keys::endpoints())
        .merge(organizations::endpoints())
        .merge(workspaces::endpoints())
        .merge(members::endpoints())
        .merge(roles::endpoints())
        .merge(audit::endpoints())
        .merge(catalogue::endpoints());
    if let Some(issuer) = issuer {
        managing =
            managing.layer(from_fn_with_state(Arc::clone(issuer), caller::guard)).layer(from_fn(outlive::outlive));
    }
    OpenApiRouter::with_openapi(openapi::base())
        .merge(managing)
        .merge(verifiers::endpoints())
        .routes(routes!(sessions::mint, sessions::preflight))
        .routes(routes!(well_known::issuer))
        .routes(routes!(well_known::jwks))
        .routes(routes!(openapi::document))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
}
