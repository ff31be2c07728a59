//! Serves `/api/v1/status`, and `/api/v1/sync` and `/api/v1/run`, which commands on this machine call before they continue.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Facts;
use super::answer::json;
use super::extract::{Body, PathNames};
use super::routes::Routes;
use crate::config::Role;

/// Body of `POST /api/v1/sync`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The store's revision that must be in use before the answer.
    revision: i64,
}

pub(super) fn routes(routes: Routes<Facts>) -> Routes<Facts> {
    routes
        .at(Role::Viewer, routes!(status))
        .at(Role::Viewer, routes!(sync))
        .at(Role::Editor, routes!(run))
}

/// Shows the health of the gateway
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = Map<String, Value>)))]
async fn status(State(facts): State<Arc<Facts>>) -> Response {
    json(StatusCode::OK, &(facts.status)())
}

/// Answers once the store's revision is in use; it changes nothing that would not change in a moment anyhow
#[utoipa::path(post, path = "/api/v1/sync", request_body = Wanted, responses((status = 200, body = Map<String, Value>)))]
async fn sync(State(facts): State<Arc<Facts>>, Body(wanted): Body<Wanted>) -> Response {
    json(StatusCode::OK, &(facts.sync)(wanted.revision).await)
}

/// Shows what a child of `tollgate run` needs to find the gateway, without any secret
#[utoipa::path(
    get, path = "/api/v1/run/{agent}", params(("agent" = String, Path, description = "Name of the agent")),
    responses((status = 200, body = Map<String, Value>)),
)]
async fn run(State(facts): State<Arc<Facts>>, PathNames(agent): PathNames<String>) -> Response {
    json(StatusCode::OK, &(facts.run)(&agent))
}
