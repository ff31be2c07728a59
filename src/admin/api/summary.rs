//! Serves `/api/v1/metrics/summary`: what was decided since a time, counted.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::READ;
use crate::admin::extract::Params;
use crate::admin::problem::Problem;
use crate::admin::routes::Routes;
use crate::admin::service::Service;
use crate::admin::service::summary::RecordCounts;
use crate::admin::time::moment;

pub(super) fn routes(routes: Routes<Service>) -> Routes<Service> {
    routes.at(READ, routes!(summary))
}

/// Which records are counted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Since {
    /// RFC 3339, or an age such as 2h or 7d; a day where nothing is said.
    since: Option<String>,
}

/// Counts requests by decision over time, and by agent, action, code and rule
#[utoipa::path(get, path = "/api/v1/metrics/summary", params(Since), responses((status = 200, body = RecordCounts), (status = 400, body = Problem)))]
async fn summary(
    State(service): State<Arc<Service>>,
    Params(wanted): Params<Since>,
) -> Result<Json<RecordCounts>, Problem> {
    let since = wanted.since.as_deref().unwrap_or("24h");
    let since = moment("since", since, service.clock().utc())?;
    service.summary(since).await.map(Json)
}
