//! `POST /v1/organizations/{organization}/archive` and its opposite.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;

use super::OrganizationView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::{ETag, IfMatch};
use crate::registry::TenantChange;

/// Declares an endpoint that applies one change of state.
macro_rules! state_endpoints {
    ($($(#[$doc:meta])* $name:ident $path:literal $operation:literal $change:ident;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $operation,
            tag = "Organizations",
            params(
                ("organization" = schemas::OrganizationId, Path, description = "The organization."),
                ("If-Match" = Option<String>, Header, description = "The revision that is meant."),
            ),
            responses(
                (
                    status = 200,
                    description = "The organization as it is now.",
                    body = OrganizationView,
                    headers(("ETag" = String, description = "Its revision.")),
                ),
                refusals::Edit,
            ),
            security(("member" = [])),
        )]
        pub(super) async fn $name(
            State(issuer): Shared,
            caller: Caller,
            Path(organization): Path<OrganizationId>,
            if_match: IfMatch,
        ) -> Result<impl IntoResponse, Error> {
            let (what, expected) = (TenantChange::$change, |revision| if_match.check(revision));
            let changed = issuer.registry().change_organization(&caller.actor, organization, &what, &expected).await?;
            Ok((ETag(changed.revision), Json(OrganizationView::from(changed))))
        }
    )+};
}

state_endpoints! {
    /// Archive an organization
    ///
    /// Until it is unarchived no key in it can be used or created.
    archive "/v1/organizations/{organization}/archive" "archiveOrganization" Archive;
    /// Unarchive an organization
    unarchive "/v1/organizations/{organization}/unarchive" "unarchiveOrganization" Unarchive;
}
