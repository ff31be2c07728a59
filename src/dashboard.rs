//! Serves the pages on which operators see, decide and write rules: a client of the admin API within the same process.
//!
//! INVARIANT: a page shows what the API answers to its operator, and changes what the API lets that operator change. No page decides
//! who may do what.

mod activity;
mod agents;
mod approvals;
mod assets;
mod browser;
mod builder;
mod catalogue;
mod client;
mod condition;
mod connectors;
mod credentials;
mod document;
mod draft;
mod effect;
mod fields;
mod frame;
mod journal;
mod kill_switch;
mod live;
mod matrix;
mod operators;
mod overview;
mod playground;
mod policies;
mod record;
mod refused;
mod replay;
mod session;
mod show;
mod sign_in;
mod visitor;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{any, get, post};

use crate::admin::OperatorLookup;
use crate::model::clock::Clock;

use catalogue::Catalogue;
use live::Streams;
use overview::Summaries;
use session::Sessions;

/// What the pages need to know of the gateway beside its API.
pub struct Setup {
    /// Operator token to operator; a session ends once its token has no operator.
    pub operators: OperatorLookup,
    /// Tells when sessions end.
    pub clock: Clock,
    /// Ports on which the pages are served, as bound.
    pub addresses: Vec<SocketAddr>,
    /// Whether those ports speak TLS.
    pub tls: bool,
}

/// The dashboard of a gateway, shared by all its listeners.
pub struct Dashboard {
    setup: Setup,
    sessions: Sessions,
    streams: Streams,
    catalogue: Catalogue,
    summaries: Summaries,
}

/// What a handler works with.
#[derive(Clone)]
struct App {
    /// The routes of `/api/v1`.
    api: Router,
    shared: Arc<Dashboard>,
}

impl Dashboard {
    /// Makes the dashboard of a gateway; nobody is signed in.
    #[must_use]
    pub fn new(setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            sessions: Sessions::new(setup.tls),
            setup,
            streams: Streams::default(),
            catalogue: Catalogue::default(),
            summaries: Summaries::default(),
        })
    }

    /// Returns the pages, which ask these routes of `/api/v1` for everything.
    pub fn routes(self: &Arc<Self>, api: Router) -> Router {
        let app = App {
            api,
            shared: Arc::clone(self),
        };
        reading()
            .merge(deciding())
            .merge(writing())
            .route("/{*rest}", any(refused::unknown_page))
            .layer(middleware::from_fn(browser::protect))
            .with_state(app)
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").finish_non_exhaustive()
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Sign-in, assets, and pages that only read.
fn reading() -> Router<App> {
    Router::new()
        .route("/", get(overview::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::by_token))
        .route("/sign-in/link", post(sign_in::by_link))
        .route("/sign-in/links", post(sign_in::make_link))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/session", get(sign_in::session))
        .route("/assets/{name}", get(assets::serve))
        .route("/activity", get(activity::page))
        .route("/activity/live", get(live::stream))
        .route("/activity/{request_id}", get(record::page))
        .route("/connectors", get(connectors::list))
        .route("/connectors/{id}", get(connectors::page))
        .route("/catalogue/actions", get(catalogue::suggest_actions))
        .route("/playground", get(playground::page).post(playground::ask))
        .route("/journal", get(journal::page).post(journal::verify))
}

/// Answers to approvals, and halts.
fn deciding() -> Router<App> {
    Router::new()
        .route("/approvals", get(approvals::list))
        .route("/approvals/{id}", get(approvals::page))
        .route("/approvals/{id}/approve", post(approvals::approve))
        .route("/approvals/{id}/deny", post(approvals::deny))
        .route("/kill-switch", get(kill_switch::page))
        .route("/kill-switch/halt", post(kill_switch::halt))
        .route("/kill-switch/lift", post(kill_switch::lift))
}

/// Changes of what operators manage.
fn writing() -> Router<App> {
    Router::new()
        .route("/agents", get(agents::list).post(agents::add))
        .route("/agents/{name}", get(agents::page))
        .route("/agents/{name}/labels", post(agents::label))
        .route("/agents/{name}/remove", post(agents::remove))
        .route("/agents/{name}/tokens", post(agents::add_token))
        .route("/agents/{name}/tokens/{id}/revoke", post(agents::revoke))
        .route("/permissions", get(matrix::page).post(matrix::set))
        .route("/permissions/{id}/remove", post(matrix::remove))
        .route("/policies", get(policies::list))
        .route("/policies/new", get(builder::blank))
        .route("/policies/preview", post(builder::preview))
        .route("/policies/save", post(builder::save))
        .route("/policies/{id}", get(builder::open))
        .route("/policies/{id}/remove", post(policies::remove))
        .route("/policies/{id}/switch", post(policies::switch))
        .route("/rules.yaml", get(policies::export))
        .route(
            "/credentials",
            get(credentials::list).post(credentials::add),
        )
        .route("/credentials/{id}", get(credentials::page))
        .route("/credentials/{id}/test", post(credentials::test))
        .route("/credentials/{id}/rotate", post(credentials::rotate))
        .route("/credentials/{id}/rebind", post(credentials::rebind))
        .route("/credentials/{id}/remove", post(credentials::remove))
        .route("/settings", get(operators::page).post(operators::add))
        .route("/settings/{name}/rotate", post(operators::rotate))
        .route("/settings/{name}/remove", post(operators::remove))
}
