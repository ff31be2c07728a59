//! Serves what tests of credentials have found, tests them, and rotates them.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Json;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Body, PathNames};
use crate::admin::operator::Operator;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::checks::{CredentialHealth, HealthList};
use crate::admin::service::rotation::{Rotated, Rotation};
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(show_health))
        .at(Role::Editor, routes!(test_credential))
        .at(Role::Editor, routes!(rotate_credential))
        .at(READ, routes!(show_connector_health))
        .at(Role::Editor, routes!(test_connector))
}

/// Shows what the last test of each credential has found
#[utoipa::path(get, path = "/api/v1/credentials/health", responses((status = 200, body = HealthList)))]
async fn show_health(State(service): State<Arc<Service>>) -> Json<HealthList> {
    Json(service.health(|_| true))
}

/// Tests a credential with its connector's health request
#[utoipa::path(
    post, path = "/api/v1/credentials/{id}/test", params(("id" = String, Path, description = "Id of the credential")),
    responses((status = 200, body = CredentialHealth), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn test_credential(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<CredentialHealth>, Problem> {
    service.test_credential(&id).await.map(Json)
}

/// Replaces the fields of a credential once the new ones are seen to work
#[utoipa::path(
    post, path = "/api/v1/credentials/{id}/rotate", params(("id" = String, Path, description = "Id of the credential")),
    request_body = Rotation,
    responses((status = 200, body = Rotated), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn rotate_credential(
    State(service): State<Arc<Service>>,
    Extension(operator): Extension<Operator>,
    PathNames(id): PathNames<String>,
    Body(rotation): Body<Rotation>,
) -> Result<Json<Rotated>, Problem> {
    let rotated = service.rotate_credential(&operator, &id, rotation).await;
    rotated.map(Json)
}

/// Shows what the last tests of a connector's credentials have found
#[utoipa::path(
    get, path = "/api/v1/connectors/{id}/health", params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, body = HealthList), (status = 404, body = Problem)),
)]
async fn show_connector_health(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<HealthList>, Problem> {
    service.connector(&id).await?;
    Ok(Json(
        service.health(|credential| credential.connector == id),
    ))
}

/// Tests a connector's credentials
#[utoipa::path(
    post, path = "/api/v1/connectors/{id}/health", params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, body = HealthList), (status = 404, body = Problem), (status = 409, body = Problem)),
)]
async fn test_connector(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<Json<HealthList>, Problem> {
    service.connector(&id).await?;
    let tested = service.test(|credential| credential.connector == id);
    tested.await.map(Json)
}
