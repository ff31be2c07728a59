//! Defines what the admin API shows, as closures that `cli serve` fills, so that this folder depends on nothing that it shows.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::controls::Controls;
use super::hosts::Hosts;
use super::operator::Operator;
use super::service::{Answering, Service};
use super::settings::ConfigView;
use crate::model::halt::Halt;
use crate::simulate::explain::{Explanation, Question};

/// Operator token to operator.
pub type OperatorLookup = Arc<dyn Fn(&str) -> Option<Operator> + Send + Sync>;

/// Explains a request of an agent.
pub type Explain = Arc<dyn Fn(&str, &Question) -> Option<Explanation> + Send + Sync>;

/// Makes the pages for browsers, which ask the given routes of `/api/v1` for everything.
pub type Pages = Arc<dyn Fn(Router) -> Router + Send + Sync>;

/// The running gateway, as far as it is shown.
pub struct Facts {
    /// Names under which this gateway is called.
    pub hosts: Hosts,
    /// Operator token to operator; compares in constant time.
    pub operator: OperatorLookup,
    /// How it is, now.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Returns the gateway's present status.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// Prometheus text format 0.0.4.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Takes the store over up to a revision.
    pub sync: Arc<dyn Fn(i64) -> Answering<Synced> + Send + Sync>,
    /// Returns what a child of `tollgate run` needs to work for an agent.
    pub run: Arc<dyn Fn(&str) -> Json + Send + Sync>,
    /// Explains a request of an agent; `None` where there is no such agent.
    pub explain: Explain,
    /// The settings in effect.
    pub config: Arc<dyn Fn() -> ConfigView + Send + Sync>,
    /// What operators can change.
    pub controls: Controls,
    /// The state that operators manage.
    pub service: Arc<Service>,
    /// The pages beside the API.
    pub pages: Pages,
}

/// Answer of `POST /api/v1/sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// The store's revision that is in use.
    pub store_revision: i64,
    /// The reason why permissions of the store are not active, if they are not.
    pub reload_failure: Option<String>,
}

/// Whether the gateway takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// It is shutting down.
    pub draining: bool,
    /// The last write to the journal succeeded; without it nothing is forwarded.
    pub journal_healthy: bool,
    /// The journal's disk has less free than `audit.min_free`; requests are still taken.
    pub journal_disk_low: bool,
    /// A number of the journal has two hashes; requests are still taken.
    pub journal_forked: bool,
    /// State of connectors and policies. A failed reload keeps the last snapshot, so the gateway stays ready.
    pub reload: ReloadState,
}

/// How the last reading of connectors and policies went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReloadState {
    /// RFC 3339, UTC: since when the snapshot in use is in use.
    pub snapshot_since: String,
    /// The reason why the newest files are not active, in one line; `None` if they are.
    pub failure: Option<String>,
    /// The reason why the present configuration file has not taken effect; `None` if it has.
    pub config_failure: Option<String>,
    /// Keys of the configuration file that have changed and take effect at the next start.
    pub needs_restart: Vec<String>,
    /// Warnings about the active files, such as names that do not exist; a line each.
    pub warnings: Vec<String>,
}

/// Sizes of the snapshot in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotCounts {
    /// Connectors in the catalogue.
    pub connectors: usize,
    /// Routes of all connectors.
    pub routes: usize,
    /// Number of permissions and policies.
    pub policies: usize,
}

/// How far a sink of the journal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkState {
    /// Its name in the configuration.
    pub name: String,
    /// Number of records that it has not delivered yet.
    pub lag_records: u64,
    /// Number of records that were removed before it had delivered them.
    pub missed_records: u64,
}

/// Answer of `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Version of the running binary.
    pub version: String,
    /// Moment in RFC 3339, UTC.
    pub started_at: String,
    /// Addresses that agents use as proxy.
    pub proxy: Vec<String>,
    /// The configuration file, where there is one.
    pub config: Option<String>,
    /// Of the state directory.
    pub data_dir: String,
    /// The active revision of the store; a command's change is in effect once this has reached it.
    pub store_revision: i64,
    /// Agents that may ask.
    pub agents: usize,
    /// Sizes of the snapshot in use.
    pub snapshot: SnapshotCounts,
    /// Whether requests are accepted; `/readyz` says the same.
    pub ready: bool,
    /// It is shutting down.
    pub draining: bool,
    /// The last write to the journal succeeded.
    pub journal_healthy: bool,
    /// The journal's disk has less free than `audit.min_free`.
    pub journal_disk_low: bool,
    /// A number of the journal has two hashes.
    pub journal_forked: bool,
    /// How far each sink of the journal is.
    pub sinks: Vec<SinkState>,
    /// How the last reading of connectors and policies went.
    pub reload: ReloadState,
    /// Approvals that no operator has answered.
    pub approvals_pending: usize,
    /// The halts in effect.
    pub halts: Vec<Arc<Halt>>,
    /// Ids of credentials that do not open: their rows were changed.
    pub credentials_unhealthy: Vec<String>,
    /// Credentials that their APIs do not accept, each with what the last test has found.
    pub credentials_failing: Vec<String>,
    /// Ids of credentials that their connectors now put elsewhere than they were bound to be put: nothing is sent with them.
    pub credentials_unbound: Vec<String>,
    /// Ids of credentials of an older build, which this start has bound to where their schemes put them.
    pub credentials_resealed: Vec<String>,
    /// Exchanges that are open.
    pub exchanges_active: usize,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Readiness {
    /// Returns whether requests are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.draining && self.journal_healthy
    }

    /// Returns the answer of `/readyz`. It needs no token, so it does not include the text of a failed reload.
    pub(super) fn document(&self) -> Json {
        let word = |bad: bool, name: &'static str| if bad { name } else { "ok" };
        json!({
            "status": if self.is_ready() { "ready" } else { "not_ready" },
            "checks": {
                "draining": self.draining,
                "journal": word(!self.journal_healthy, "unwritable"),
                "journal_disk": word(self.journal_disk_low, "low"),
                "journal_fork": word(self.journal_forked, "found"),
                "reload": word(self.reload.failure.is_some(), "failed"),
            },
            "snapshot_since": self.reload.snapshot_since,
        })
    }
}
