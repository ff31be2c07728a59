//! Serves `/api/v1/sync` and `/api/v1/run`, which commands on this machine call before they continue.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::Facts;
use super::answer::{json, problem};
use super::operator::authorize;
use crate::config::Role;

/// Body of `POST /api/v1/sync`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The store's revision that must be in use before the answer.
    revision: i64,
}

pub(super) fn routes() -> Router<Arc<Facts>> {
    Router::new()
        .route("/api/v1/sync", post(sync))
        .route("/api/v1/run/{agent}", get(run))
}

/// Answers once the store's revision is in use; it changes nothing that would not change in a moment anyhow.
async fn sync(State(facts): State<Arc<Facts>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = authorize(&facts, &headers, Role::Viewer) {
        return *refused;
    }
    match serde_json::from_slice::<Wanted>(&body) {
        Ok(wanted) => {
            let synced = (facts.sync)(wanted.revision).await;
            json(StatusCode::OK, &synced)
        }
        Err(error) => {
            let detail = format!("the body: {error}");
            problem(StatusCode::BAD_REQUEST, "bad_request", &detail)
        }
    }
}

/// Returns what a child of `tollgate run` needs to find the gateway, without any secret.
async fn run(
    State(facts): State<Arc<Facts>>,
    Path(agent): Path<String>,
    headers: HeaderMap,
) -> Response {
    match authorize(&facts, &headers, Role::Editor) {
        Ok(_) => json(StatusCode::OK, &(facts.run)(&agent)),
        Err(refused) => *refused,
    }
}
