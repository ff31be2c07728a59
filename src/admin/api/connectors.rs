//! Serves `/api/v1/connectors`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::{Long, Paging, Params, PathNames};
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::connectors::{ConnectorList, WholeConnector};
use crate::admin::service::permissions::object;
use crate::admin::time::moment;

/// Which requests routes are drafted for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Drafting {
    /// Only records since this time: RFC 3339, or an age such as 2h or 7d.
    since: Option<String>,
    /// Most routes, 1 to 1000; those of the most frequent requests are kept.
    limit: Option<usize>,
}

/// A description of an API.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Described {
    /// Text of the description: OpenAPI, Google discovery, GraphQL, or a table with tabs.
    description: String,
    /// URL of the API where the description has none or another.
    #[serde(default)]
    server: Option<String>,
}

/// Routes that a connector might add.
#[derive(Serialize, ToSchema)]
struct Suggestions {
    /// Each has `connector`, `routes` with their text for its file, `requests` and `left_out`.
    suggestions: Vec<Map<String, Json>>,
}

/// Routes in a draft, where nothing else is asked for; and most.
const DRAFTED: usize = 50;
const MAX_DRAFTED: usize = 1000;

/// Longest description, in bytes.
const MAX_DESCRIPTION: usize = 16 * 1024 * 1024;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes
        .at(READ, routes!(list_connectors))
        .at(READ, routes!(show_connector))
        .at(READ, routes!(list_suggestions))
        .at(READ, routes!(measure_coverage))
}

/// Lists connectors without their routes
#[utoipa::path(get, path = "/api/v1/connectors", params(Paging), responses((status = 200, body = ConnectorList)))]
async fn list_connectors(
    State(service): State<Arc<Service>>,
    Params(paging): Params<Paging>,
) -> Result<axum::Json<ConnectorList>, Problem> {
    let all = service.connectors().await?;
    let (connectors, next) = paging.page(all, |connector| connector.id.clone())?;
    Ok(axum::Json(ConnectorList { connectors, next }))
}

/// Shows a connector with its routes
#[utoipa::path(
    get, path = "/api/v1/connectors/{id}", params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, body = WholeConnector), (status = 404, body = Problem)),
)]
async fn show_connector(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
) -> Result<axum::Json<WholeConnector>, Problem> {
    service.connector(&id).await.map(axum::Json)
}

/// Drafts routes for recorded requests that matched none. Agents chose their paths: a person reviews each
#[utoipa::path(
    get, path = "/api/v1/connectors/{id}/suggestions",
    params(("id" = String, Path, description = "Id of the connector"), Drafting),
    responses((status = 200, body = Suggestions), (status = 404, body = Problem)),
)]
async fn list_suggestions(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
    Params(wanted): Params<Drafting>,
) -> Result<axum::Json<Suggestions>, Problem> {
    let most = wanted.limit.unwrap_or(DRAFTED);
    if most == 0 || most > MAX_DRAFTED {
        return Err(Problem::bad("limit", "`limit` is between 1 and 1000"));
    }
    let since = wanted.since.as_deref();
    let since = since.map(|text| moment("since", text, service.clock().utc()));
    let found = service.suggestions(&id, (since.transpose()?, most)).await?;
    let document = |suggestion| {
        serde_json::to_value(suggestion)
            .map(object)
            .unwrap_or_default()
    };
    let suggestions = found.iter().map(document).collect();
    Ok(axum::Json(Suggestions { suggestions }))
}

/// Tells which operations of a description a connector names
#[utoipa::path(
    post, path = "/api/v1/connectors/{id}/coverage", request_body = Described,
    params(("id" = String, Path, description = "Id of the connector")),
    responses((status = 200, body = Map<String, Json>), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
async fn measure_coverage(
    State(service): State<Arc<Service>>,
    PathNames(id): PathNames<String>,
    Long(described): Long<Described, MAX_DESCRIPTION>,
) -> Result<axum::Json<Json>, Problem> {
    let text = (described.description, described.server);
    let found = service.coverage(&id, text).await?;
    Ok(axum::Json(serde_json::to_value(found).unwrap_or_default()))
}
