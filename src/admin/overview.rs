//! Serves `/api/v1/config`: the settings in effect and where each is from.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::Facts;
use super::answer::json;
use super::routes::Routes;
use super::settings::ConfigView;
use crate::config::Role;

pub(super) fn routes(routes: Routes<Facts>) -> Routes<Facts> {
    routes.at(Role::Viewer, routes!(show_config))
}

/// Shows the settings in effect and where each is from, without secrets
#[utoipa::path(get, path = "/api/v1/config", responses((status = 200, body = ConfigView)))]
async fn show_config(State(facts): State<Arc<Facts>>) -> Response {
    json(StatusCode::OK, &(facts.config)())
}
