//! Compiles new inputs and swaps the snapshot. When anything fails, the last good snapshot stays and the reasons are reported.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Current, Inputs, Snapshot};
use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::model::clock::Clock;
use crate::model::vocabulary::Unknown;
use crate::telemetry::metrics::{Metrics, Reload};

/// Compiles and swaps snapshots, one reload at a time.
#[derive(Debug)]
pub struct Reloader {
    current: Arc<Current>,
    metrics: Arc<Metrics>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Of the inputs that were last tried, so that a poll without a change costs no compilation.
    fingerprint: u64,
    problem: Option<String>,
    /// When the active snapshot took effect, RFC 3339.
    since: String,
    /// Warnings about the active snapshot, one line each.
    warnings: Vec<String>,
}

impl State {
    /// Keeps the warnings, and logs those that are new.
    fn note_warnings(&mut self, report: &Report) {
        let warnings: Vec<String> = report.diagnostics.iter().map(line).collect();
        for warning in warnings.iter().filter(|line| !self.warnings.contains(line)) {
            tracing::warn!("{warning}");
        }
        self.warnings = warnings;
    }
}

fn line(problem: &Diagnostic) -> String {
    match problem.places.first() {
        Some(place) if place.line > 0 => {
            format!("{}:{}: {}", place.source.name, place.line, problem.message)
        }
        Some(place) => format!("{}: {}", place.source.name, problem.message),
        None => problem.message.clone(),
    }
}

impl Reloader {
    /// Starts with the snapshot that the inputs gave, and what there was to say of it.
    #[must_use]
    pub fn new(
        current: Arc<Current>,
        metrics: Arc<Metrics>,
        clock: Clock,
        (inputs, report): (&Inputs, &Report),
    ) -> Self {
        let mut state = State {
            fingerprint: fingerprint(inputs),
            problem: None,
            since: clock.stamp(),
            warnings: Vec::new(),
        };
        state.note_warnings(report);
        let reloader = Self {
            current,
            metrics,
            clock,
            state: Mutex::new(state),
        };
        let (connectors, routes, policies) = reloader.sizes();
        reloader.metrics.snapshot(connectors, routes, policies);
        reloader
    }

    /// Compiles the inputs, runs tests on the result and swaps it in, or keeps the last good snapshot and logs why. Returns whether
    /// the snapshot changed. Blocks, so not for a thread of the runtime.
    pub fn reload(
        &self,
        inputs: Result<Inputs, Report>,
        tests: impl FnOnce(&Inputs, &Snapshot) -> Report,
    ) -> bool {
        let mut state = self.state.lock();
        let report = match inputs {
            Ok(inputs) => {
                let fingerprint = fingerprint(&inputs);
                if fingerprint == state.fingerprint {
                    return false;
                }
                state.fingerprint = fingerprint;
                let before = self.current.snapshot();
                let known = before.policies().dangling().clone();
                let inputs = Inputs {
                    unknown: Unknown::Guarded { known },
                    ..inputs
                };
                let (snapshot, mut report) = Snapshot::compile_after(&before, &inputs);
                let failed = snapshot.as_ref().map(|snapshot| tests(&inputs, snapshot));
                report
                    .diagnostics
                    .extend(failed.unwrap_or_default().diagnostics);
                match snapshot.filter(|_| !report.has_errors()) {
                    Some(snapshot) => {
                        self.current.swap(snapshot);
                        state.problem = None;
                        state.note_warnings(&report);
                        state.since = self.clock.stamp();
                        let (connectors, routes, policies) = self.sizes();
                        self.metrics.reloaded(Reload::Swapped {
                            connectors,
                            routes,
                            policies,
                        });
                        tracing::info!("connectors and policies reloaded");
                        return true;
                    }
                    None => report,
                }
            }
            Err(report) => {
                // What could not be read must be tried again even if it comes back as it was.
                state.fingerprint = 0;
                report
            }
        };
        let text = report.to_text();
        if state.problem.as_deref() != Some(text.as_str()) {
            report.log();
            tracing::error!(
                "reload failed, the last good snapshot stays; `tollgate check` shows all problems"
            );
            self.metrics.reloaded(Reload::Kept);
        }
        state.problem = Some(text);
        false
    }

    /// Returns why the newest files are not active.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.state.lock().problem.clone()
    }

    /// Returns warnings about the active snapshot, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.state.lock().warnings.clone()
    }

    /// Returns when the active snapshot took effect: RFC 3339, UTC.
    #[must_use]
    pub fn since(&self) -> String {
        self.state.lock().since.clone()
    }

    fn sizes(&self) -> (usize, usize, usize) {
        let snapshot = self.current.snapshot();
        let routes = snapshot
            .catalog()
            .connectors()
            .map(|connector| connector.routes().count())
            .sum();
        (
            snapshot.catalog().connectors().count(),
            routes,
            snapshot.policies().len(),
        )
    }
}

fn fingerprint(inputs: &Inputs) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Inputs {
        connectors,
        policies,
        stored,
        candidate,
        // Decides only how names are reported.
        unknown: _,
        agents,
        credentials,
        bound,
        variables,
    } = inputs;
    for Source {
        name,
        text,
        built_in,
    } in connectors
        .iter()
        .chain(policies)
        .chain(stored)
        .chain(candidate)
    {
        (name, text, built_in).hash(&mut hasher);
    }
    for agent in agents {
        (agent.name.as_str(), &agent.labels).hash(&mut hasher);
    }
    (credentials, bound, variables).hash(&mut hasher);
    hasher.finish()
}
