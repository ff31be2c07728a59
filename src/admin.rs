//! Serves the admin API over HTTP: health, status and metrics, and the changes that operators make.
//!
//! INVARIANT: a request whose `Host` is not one of the gateway's is answered 421 before anything is looked up (DNS rebinding),
//! and no other origin may read an answer (no CORS). Nothing changes on GET.

mod answer;
mod api;
mod approvals;
mod connection;
mod controls;
mod explain;
mod extract;
mod facts;
mod hosts;
mod kill_switch;
mod listen;
mod local;
mod operator;
mod overview;
mod problem;
mod routes;
mod running;
pub mod service;
mod settings;
mod shown_token;
mod time;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;

use answer::{json, problem};
use connection::Guarded;
use routes::{Operators, Routes};

pub use connection::CONNECTIONS;
pub use controls::{Controls, Knows};
pub use explain::Asked;
pub use facts::{
    Explain, Facts, OperatorLookup, Pages, Readiness, ReloadState, SinkState, SnapshotCounts,
    Status, Synced,
};
pub use hosts::Hosts;
pub use listen::{BindError, Listener};
pub use local::Local;
pub use operator::Operator;
pub use problem::{Problem, ProblemDocument};
pub use service::Answering;
pub use settings::{ConfigView, SettingView};
pub use shown_token::ShownToken;
pub use tls::{AdminTls, Secured, TlsError, TlsListener};

/// Longest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Set of paths that a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Serves `/healthz`, `/readyz` and `/api/v1/…`.
    Admin,
    /// Serves `/healthz`, `/readyz` and `/metrics`.
    Metrics,
}

/// Answers on a listener until `shutdown` ends; then lets open requests finish.
///
/// # Errors
/// When the listener itself fails.
pub async fn serve(
    listener: Listener,
    surface: Surface,
    facts: Arc<Facts>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let app = router(surface, facts);
    match listener {
        Listener::Tcp(tcp) => {
            axum::serve(Guarded::new(tcp), app)
                .with_graceful_shutdown(shutdown)
                .await
        }
        Listener::Tls(tls) => {
            axum::serve(Guarded::new(tls), app)
                .with_graceful_shutdown(shutdown)
                .await
        }
        Listener::Unix(unix) => {
            axum::serve(Guarded::new(unix), app)
                .with_graceful_shutdown(shutdown)
                .await
        }
    }
}

fn router(surface: Surface, facts: Arc<Facts>) -> Router {
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness));
    let router = match surface {
        Surface::Admin => {
            let live = live_routes(Some(&facts)).0.with_state(());
            let api = live.merge(api::routes(Some(&facts.service)).0.with_state(()));
            let pages = (facts.pages)(api.clone());
            let api = api.route("/api/v1/openapi.json", get(describe));
            router.merge(api.with_state(())).merge(pages.with_state(()))
        }
        Surface::Metrics => router.route("/metrics", get(metrics)),
    };
    router
        .fallback(async || problem(StatusCode::NOT_FOUND, "not_found", "there is nothing here"))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&facts), guard))
        .with_state(facts)
}

/// Returns the routes of what is live only, and their description.
fn live_routes(facts: Option<&Arc<Facts>>) -> (Router, OpenApi) {
    let routes = overview::routes(running::routes(Routes::new(facts)));
    explain::routes(approvals::routes(kill_switch::routes(routes))).finish()
}

impl Operators for Facts {
    fn find(&self, token: &str) -> Option<Operator> {
        (self.operator)(token)
    }
}

/// Returns the description of the API (OpenAPI 3.1).
#[must_use]
pub fn description() -> serde_json::Value {
    let (_, mut description) = api::routes(None);
    description.merge(live_routes(None).1);
    serde_json::to_value(api::describe(description)).unwrap_or_default()
}

async fn describe() -> Response {
    json(StatusCode::OK, &description())
}

async fn method_not_allowed(method: Method) -> Response {
    let detail = format!("{method} does nothing here");
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        &detail,
    )
}

/// Refuses foreign `Host`s, and adds the headers that every answer has.
async fn guard(State(facts): State<Arc<Facts>>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None | Some(_), _) => None,
    };
    // The absolute form names its own host, and wins over `Host` (RFC 9112 section 3.2.2).
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let ours = |name: &str| facts.hosts.contains(name);
    let mut response = if host.is_some_and(ours) && named.as_deref().is_none_or(ours) {
        next.run(request).await
    } else {
        let detail = "this host name is not one of the gateway's; use the address that it listens on, or `localhost`";
        problem(StatusCode::MISDIRECTED_REQUEST, "foreign_host", detail)
    };
    let headers = response.headers_mut();
    // A page and its assets say themselves what holds for them.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(header::HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        header::HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(header::HeaderValue::from_static("default-src 'none'"));
    response
}

/// Answers while the process lives.
async fn health() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

async fn readiness(State(facts): State<Arc<Facts>>) -> Response {
    let readiness = (facts.readiness)();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, &readiness.document())
}

async fn metrics(State(facts): State<Arc<Facts>>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (StatusCode::OK, kind, (facts.metrics)()).into_response()
}
