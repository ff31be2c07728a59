//! Registers metrics by name and help text.

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::{DURATIONS, OVERHEADS, Stage};

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

pub(super) fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<IntGauge, prometheus::Error> {
    register(registry, IntGauge::new(name, help)?)
}

pub(super) fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    register(
        registry,
        Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?,
    )
}

pub(super) fn request_counters(
    registry: &Registry,
) -> Result<[IntCounterVec; 4], prometheus::Error> {
    let by_action = ["agent", "connector", "action", "decision"];
    let by_code = ["agent", "connector", "code"];
    let by_kind = ["connector", "kind"];
    Ok([
        counters(registry, "requests_total", "Actions decided", &by_action)?,
        counters(registry, "refusals_total", "Requests refused", &by_code)?,
        counters(
            registry,
            "upstream_errors_total",
            "Requests that an upstream did not answer",
            &by_kind,
        )?,
        counters(
            registry,
            "masked_total",
            "Answers in which a secret was replaced",
            &["connector"],
        )?,
    ])
}

/// The stages are few and known, so each one's histogram is looked up once, not per request.
pub(super) fn stage_histogram(
    registry: &Registry,
) -> Result<[Histogram; Stage::ALL.len()], prometheus::Error> {
    let options = HistogramOpts::new("stage_seconds", "Seconds that each stage of a request took")
        .buckets(OVERHEADS.to_vec());
    let stages = register(registry, HistogramVec::new(options, &["stage"])?)?;
    Ok(Stage::ALL.map(|stage| stages.with_label_values(&[stage.as_str()])))
}

pub(super) fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let options = Opts::new("build_info", "1; the version is a label");
    let info = register(registry, IntGaugeVec::new(options, &["version"])?)?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(())
}

/// Figures of credentials and their tests.
#[derive(Clone)]
pub(super) struct CredentialFigures {
    /// By the credential's id.
    pub(super) unhealthy: IntGaugeVec,
    /// By the credential and what its last test has found.
    pub(super) checked: IntGaugeVec,
}

pub(super) fn credential_figures(
    registry: &Registry,
) -> Result<CredentialFigures, prometheus::Error> {
    let unhealthy = Opts::new(
        "credential_unhealthy",
        "1 where a credential cannot be used",
    );
    let checked = Opts::new(
        "credential_check",
        "1 for what the last test of a credential has found",
    );
    Ok(CredentialFigures {
        unhealthy: register(registry, IntGaugeVec::new(unhealthy, &["credential"])?)?,
        checked: register(
            registry,
            IntGaugeVec::new(checked, &["credential", "state"])?,
        )?,
    })
}

/// Figures of the journal.
#[derive(Clone)]
pub(super) struct JournalFigures {
    pub(super) lag: Gauge,
    pub(super) records: IntCounter,
    pub(super) sequence: IntGauge,
    pub(super) fork: IntGauge,
    /// Records that a sink has not delivered, by its name.
    pub(super) sink_lag: IntGaugeVec,
    /// Records that were removed before a sink had delivered them, by its name.
    pub(super) sink_missed: IntCounterVec,
}

/// How long the oldest record waits, how many were written, and the number of the newest.
pub(super) fn journal_metrics(registry: &Registry) -> Result<JournalFigures, prometheus::Error> {
    let lag = Gauge::new(
        "journal_lag_seconds",
        "Seconds that the oldest record has waited to be persisted",
    )?;
    let records = IntCounter::new("journal_records_total", "Records written")?;
    let sequence = gauge(
        registry,
        "journal_sequence",
        "Number of the newest record in the journal",
    )?;
    let fork = gauge(
        registry,
        "journal_fork",
        "1 where a record number has two hashes: the journal was written twice from one place, or changed",
    )?;
    let sink_lag = Opts::new(
        "audit_sink_lag_records",
        "Records that a sink has not delivered yet",
    );
    let sink_missed = Opts::new(
        "audit_sink_missed_records_total",
        "Records removed by audit.retain before a sink had delivered them",
    );
    Ok(JournalFigures {
        lag: register(registry, lag)?,
        records: register(registry, records)?,
        sequence,
        fork,
        sink_lag: register(registry, IntGaugeVec::new(sink_lag, &["sink"])?)?,
        sink_missed: register(registry, IntCounterVec::new(sink_missed, &["sink"])?)?,
    })
}

pub(super) fn log_metrics(registry: &Registry) -> Result<IntCounter, prometheus::Error> {
    let help = "Log lines dropped because standard error was too slow";
    register(registry, IntCounter::new("log_lines_dropped_total", help)?)
}

pub(super) fn kill_switch(registry: &Registry) -> Result<IntGaugeVec, prometheus::Error> {
    let options = Opts::new("kill_switch_active", "Halts in effect, by kind of scope");
    register(registry, IntGaugeVec::new(options, &["scope"])?)
}

/// How many questions no operator has answered, and how long requests waited for one.
pub(super) fn approval_metrics(
    registry: &Registry,
) -> Result<(IntGauge, Histogram), prometheus::Error> {
    let pending = gauge(
        registry,
        "approvals_pending",
        "Approvals that no operator has answered",
    )?;
    let wait = histogram(
        registry,
        "approval_wait_seconds",
        "Seconds that requests waited for an operator",
        &DURATIONS,
    )?;
    Ok((pending, wait))
}

/// Connections without a token, memory of bodies, and what limits have refused.
pub(super) fn limit_metrics(
    registry: &Registry,
) -> Result<(IntGauge, IntGauge, IntCounterVec), prometheus::Error> {
    let unauthenticated = gauge(
        registry,
        "unauthenticated_connections",
        "Open connections that have not shown a token",
    )?;
    let bodies = gauge(
        registry,
        "body_bytes",
        "Bytes of memory reserved for request bodies",
    )?;
    let help = "Requests or connections refused by a setting of `limits`";
    let reached = counters(registry, "limit_reached_total", help, &["limit"])?;
    Ok((unauthenticated, bodies, reached))
}
