//! Declares every metric of the gateway with its name, help and labels, and prints them as Prometheus text.
//!
//! INVARIANT: labels are closed sets. Callers give names of agents, connectors and actions that exist, never what a request says.

mod active;
mod credentials;
mod journal;
mod register;
mod stage;

use std::fmt;
use std::time::Duration;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

pub use active::{Active, Health, Reload};
use register::{
    CredentialFigures, JournalFigures, approval_metrics, build_info, counters, credential_figures,
    gauge, histogram, journal_metrics, kill_switch, limit_metrics, log_metrics, request_counters,
    stage_histogram,
};
pub use stage::{Stage, UpstreamError};

/// Seconds; from a classification in memory to an upstream that thinks for minutes.
const DURATIONS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0,
];
/// Seconds, for the gateway's own time.
const OVERHEADS: [f64; 14] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005,
    0.01, 0.05, 0.25, 1.0,
];

/// All metrics of one gateway. Clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    refusals: IntCounterVec,
    upstream_errors: IntCounterVec,
    masked: IntCounterVec,
    request_duration: Histogram,
    overhead: Histogram,
    stages: [Histogram; Stage::ALL.len()],
    tunnels: IntGauge,
    exchanges: IntGauge,
    unauthenticated: IntGauge,
    bodies: IntGauge,
    limits_reached: IntCounterVec,
    reloads_ok: IntCounter,
    reloads_failed: IntCounter,
    reload_failed: IntGauge,
    connectors: IntGauge,
    routes: IntGauge,
    policies: IntGauge,
    credentials: CredentialFigures,
    journal: JournalFigures,
    kill_switch: IntGaugeVec,
    approvals: IntGauge,
    approval_wait: Histogram,
    log_dropped: IntCounter,
}

impl Metrics {
    /// Returns metrics with a registry of their own, so that several gateways fit into one process.
    #[expect(
        clippy::expect_used,
        reason = "names and labels are constants; a test makes one"
    )]
    #[must_use]
    pub fn new() -> Self {
        Self::build().expect("metrics have distinct, well-formed names")
    }

    fn build() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("tollgate".to_owned()), None)?;
        let stages = stage_histogram(&registry)?;
        let reloads = counters(
            &registry,
            "reloads_total",
            "Reloads of connectors and policies",
            &["result"],
        )?;
        let [requests, refusals, upstream_errors, masked] = request_counters(&registry)?;
        let journal = journal_metrics(&registry)?;
        let (approvals, approval_wait) = approval_metrics(&registry)?;
        let (unauthenticated, bodies, limits_reached) = limit_metrics(&registry)?;
        build_info(&registry)?;
        Ok(Self {
            log_dropped: log_metrics(&registry)?,
            requests,
            refusals,
            upstream_errors,
            masked,
            request_duration: histogram(
                &registry,
                "request_duration_seconds",
                "Seconds from a request's head to the end of its answer",
                &DURATIONS,
            )?,
            overhead: histogram(
                &registry,
                "overhead_seconds",
                "Seconds that the gateway added to a request",
                &OVERHEADS,
            )?,
            stages,
            tunnels: gauge(&registry, "tunnels_active", "Open CONNECT tunnels")?,
            exchanges: gauge(&registry, "exchanges_active", "Requests under way")?,
            unauthenticated,
            bodies,
            limits_reached,
            reloads_ok: reloads.with_label_values(&["ok"]),
            reloads_failed: reloads.with_label_values(&["failed"]),
            reload_failed: gauge(
                &registry,
                "reload_failed",
                "1 while files on disk are broken and an older snapshot is used",
            )?,
            connectors: gauge(&registry, "snapshot_connectors", "Connectors in use")?,
            routes: gauge(&registry, "snapshot_routes", "Routes in use")?,
            policies: gauge(
                &registry,
                "snapshot_policies",
                "Permissions and policies in use",
            )?,
            credentials: credential_figures(&registry)?,
            journal,
            kill_switch: kill_switch(&registry)?,
            approvals,
            approval_wait,
            registry,
        })
    }

    /// Counts a decided action; `decision` is `allow`, `deny` or `require_approval`.
    pub fn decided(&self, agent: &str, connector: &str, action: &str, decision: &str) {
        self.requests
            .with_label_values(&[agent, connector, action, decision])
            .inc();
    }

    /// Counts a refusal by its code; `connector` is empty where none was found.
    pub fn refused(&self, agent: &str, connector: &str, code: &'static str) {
        self.refusals
            .with_label_values(&[agent, connector, code])
            .inc();
    }

    /// Counts a request that an upstream did not answer.
    pub fn upstream_failed(&self, connector: &str, kind: UpstreamError) {
        self.upstream_errors
            .with_label_values(&[connector, kind.as_str()])
            .inc();
    }

    /// Counts an answer in which a secret was replaced.
    pub fn masked(&self, connector: &str) {
        self.masked.with_label_values(&[connector]).inc();
    }

    /// Records how long a request took, and what of it was the gateway's own.
    pub fn answered(&self, total: Duration, overhead: Duration) {
        self.request_duration.observe(total.as_secs_f64());
        self.overhead.observe(overhead.as_secs_f64());
    }

    /// Records how long a stage took.
    pub fn staged(&self, stage: Stage, took: Duration) {
        if let Some(histogram) = self.stages.get(stage as usize) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Counts a tunnel for as long as the returned value lives.
    #[must_use]
    pub fn tunnel(&self) -> Active {
        Active::new(&self.tunnels)
    }

    /// Counts an exchange for as long as the returned value lives.
    #[must_use]
    pub fn exchange(&self) -> Active {
        Active::new(&self.exchanges)
    }

    /// Counts that a limit refused something; `setting` is its key under `limits`.
    pub fn limit_reached(&self, setting: &'static str) {
        self.limits_reached.with_label_values(&[setting]).inc();
    }

    /// Takes over how many bytes of memory request bodies take.
    pub fn bodies(&self, bytes: usize) {
        self.bodies.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Takes over how many connections have not shown a token.
    pub fn unauthenticated(&self, count: usize) {
        self.unauthenticated
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a reload and notes what it brought.
    pub fn reloaded(&self, reload: Reload) {
        match reload {
            Reload::Swapped {
                connectors,
                routes,
                policies,
            } => {
                self.snapshot(connectors, routes, policies);
                self.reloads_ok.inc();
                self.reload_failed.set(0);
            }
            Reload::Kept => {
                self.reloads_failed.inc();
                self.reload_failed.set(1);
            }
        }
    }

    /// Sets the sizes of the snapshot in use; `reloaded` does it too.
    pub fn snapshot(&self, connectors: usize, routes: usize, policies: usize) {
        for (gauge, count) in [
            (&self.connectors, connectors),
            (&self.routes, routes),
            (&self.policies, policies),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Takes over how many log lines were dropped so far.
    pub fn log_lines_dropped(&self, total: u64) {
        self.log_dropped
            .inc_by(total.saturating_sub(self.log_dropped.get()));
    }

    /// Takes over how many questions no operator has answered.
    pub fn approvals_pending(&self, count: usize) {
        self.approvals.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Records how long a request waited for an operator, however it ended.
    pub fn approval_waited(&self, waited: Duration) {
        self.approval_wait.observe(waited.as_secs_f64());
    }

    /// Updates the halts in effect, by kind of scope: `all`, `connector`, `agent`.
    pub fn halts(&self, kinds: impl IntoIterator<Item = &'static str>) {
        let mut counts = [("all", 0), ("connector", 0), ("agent", 0)];
        for kind in kinds {
            for (name, count) in &mut counts {
                *count += i64::from(*name == kind);
            }
        }
        for (kind, count) in counts {
            self.kill_switch.with_label_values(&[kind]).set(count);
        }
    }

    /// Returns everything in the Prometheus text format (`text/plain; version=0.0.4`).
    #[must_use]
    pub fn render(&self) -> String {
        let mut bytes = Vec::new();
        // Encoding fails only on a family without metrics; the text before it is still right.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut bytes);
        String::from_utf8(bytes).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
