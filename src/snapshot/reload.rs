//! New inputs in; the whole new snapshot in force, or the whole last one kept and the reasons told.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Current, Inputs, Snapshot};
use crate::config::diagnostic::{Report, Severity, Source};
use crate::model::clock::Clock;
use crate::telemetry::metrics::{Metrics, Reload};

/// Swaps snapshots.
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
    /// RFC 3339: since when the snapshot in force is in force.
    since: String,
}

impl Reloader {
    /// Starts with the snapshot that the inputs gave.
    #[must_use]
    pub fn new(
        current: Arc<Current>,
        metrics: Arc<Metrics>,
        clock: Clock,
        inputs: &Inputs,
    ) -> Self {
        let state = State {
            fingerprint: fingerprint(inputs),
            problem: None,
            since: clock.stamp(),
        };
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

    /// Compiles the inputs and swaps them in, or keeps the last good snapshot and says why. Returns whether another snapshot is
    /// in force now. Blocks: not for a runtime's thread.
    pub fn reload(&self, inputs: Result<Inputs, Report>) -> bool {
        let mut state = self.state.lock();
        let report = match inputs {
            Ok(inputs) => {
                let fingerprint = fingerprint(&inputs);
                if fingerprint == state.fingerprint {
                    return false;
                }
                state.fingerprint = fingerprint;
                match Snapshot::compile(&inputs) {
                    (Some(snapshot), _) => {
                        self.current.swap(snapshot);
                        state.problem = None;
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
                    (None, report) => report,
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
            for problem in report
                .diagnostics
                .iter()
                .filter(|problem| problem.severity == Severity::Error)
            {
                let place = problem
                    .places
                    .first()
                    .map(|place| format!("{}:{}", place.source.name, place.line));
                tracing::error!(place, code = problem.code, "{}", problem.message);
            }
            tracing::error!(
                "reload failed, the last good snapshot stays; `tollgate check` shows all problems"
            );
            self.metrics.reloaded(Reload::Kept);
        }
        state.problem = Some(text);
        false
    }

    /// Returns why the files as they are now are not in force.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.state.lock().problem.clone()
    }

    /// Returns since when the snapshot in force is in force: RFC 3339, UTC.
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
        agents,
        credentials,
    } = inputs;
    for Source {
        name,
        text,
        built_in,
    } in connectors.iter().chain(policies)
    {
        (name, text, built_in).hash(&mut hasher);
    }
    for agent in agents {
        (agent.name.as_str(), &agent.labels).hash(&mut hasher);
    }
    credentials.hash(&mut hasher);
    hasher.finish()
}
