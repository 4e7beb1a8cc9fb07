//! What verifiers ask for. They sign their requests; nobody else gets in, and they get in nowhere else.

mod directory;
mod line;
mod usage;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::issuer::Issuer;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new().routes(routes!(directory::directory)).routes(routes!(usage::usage))
}
