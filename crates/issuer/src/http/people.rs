//! One's own account: one file for each thing that can be asked.

mod me;
mod password;
mod recover;
mod set_up;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::issuer::Issuer;

pub(super) fn endpoints() -> OpenApiRouter<Arc<Issuer>> {
    OpenApiRouter::new()
        .routes(routes!(set_up::set_up))
        .routes(routes!(recover::recover))
        .routes(routes!(me::show, me::edit))
        .routes(routes!(password::change))
}
