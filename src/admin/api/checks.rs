//! Serves what tests of credentials have found, and tests those of a connector.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::PathNames;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::checks::HealthList;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(show_health))
        .at(READ, routes!(show_connector_health))
        .at(Role::Editor, routes!(test_connector))
}

/// Shows what the last test of each credential has found
#[utoipa::path(get, path = "/api/v1/credentials/health", responses((status = 200, body = HealthList)))]
async fn show_health(State(service): State<Arc<Service>>) -> Result<Json<HealthList>, Problem> {
    service.health(|_| true).await.map(Json)
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
    let health = service.health(|credential| credential.connector == id);
    health.await.map(Json)
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
