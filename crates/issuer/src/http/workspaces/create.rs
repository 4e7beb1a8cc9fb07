//! `POST /v1/organizations/{organization}/workspaces`.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use doorkey_core::OrganizationId;
use http::StatusCode;
use utoipa::ToSchema;

use super::WorkspaceView;
use crate::error::Error;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::input::RepeatableInput;
use crate::http::openapi::{refusals, schemas};
use crate::http::path::Path;
use crate::http::revision::ETag;
use crate::registry::{CreatedWorkspace, DefaultKeys};

/// What a new workspace shall be.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkspace)]
pub(super) struct Input {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// The pair of keys that a workspace has from its start, for testing.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = DefaultKeys)]
pub(super) struct DefaultKeysView {
    publishable: String,
    /// The whole secret key. It is shown this once and stored nowhere.
    secret: String,
}

/// A workspace that was just created.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = CreatedWorkspace)]
pub(super) struct CreatedWorkspaceView {
    #[serde(flatten)]
    workspace: WorkspaceView,
    /// `null` where the same request was answered before.
    #[schema(required)]
    keys: Option<DefaultKeysView>,
}

impl From<CreatedWorkspace> for CreatedWorkspaceView {
    fn from(created: CreatedWorkspace) -> Self {
        let keys = |keys: DefaultKeys| DefaultKeysView {
            publishable: keys.publishable.to_string(),
            secret: keys.secret.to_key_string().as_str().to_owned(),
        };
        Self { workspace: created.workspace.into(), keys: created.keys.map(keys) }
    }
}

/// Create a workspace
///
/// It has a pair of keys from its start; the secret one is shown in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/organizations/{organization}/workspaces",
    operation_id = "createWorkspace",
    tag = "Workspaces",
    params(
        ("organization" = schemas::OrganizationId, Path, description = "The organization."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it happen once, however often it is sent."),
    ),
    request_body = Input,
    responses(
        (
            status = 201,
            description = "The workspace and its keys.",
            body = CreatedWorkspaceView,
            headers(("ETag" = String, description = "Its revision.")),
        ),
        refusals::Change,
    ),
    security(("member" = [])),
)]
pub(super) async fn create(
    State(issuer): Shared,
    caller: Caller,
    Path(organization): Path<OrganizationId>,
    RepeatableInput { input, idempotency }: RepeatableInput<Input>,
) -> Result<impl IntoResponse, Error> {
    let registry = issuer.registry();
    let created = registry.create_workspace(&caller.actor, organization, &input.name, idempotency.as_ref()).await?;
    Ok((StatusCode::CREATED, ETag(created.workspace.revision), Json(CreatedWorkspaceView::from(created))))
}
