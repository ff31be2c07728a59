//! Holds the connectors and policies of one moment, compiled together. A reload replaces all of them or none.

mod bound;
mod built_in;
pub mod reload;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwap;

pub use bound::BoundHosts;
pub use built_in::built_in_connectors;

use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::connector::Catalog;
use crate::model::agent::Agent;
use crate::model::vocabulary::{Unknown, Vocabulary};
use crate::policy::PolicySet;

/// Inputs of a snapshot.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Connector files; those that are built in come first.
    pub connectors: Vec<Source>,
    /// Texts of the policy files.
    pub policies: Vec<Source>,
    /// Permissions of the store, as manifests.
    pub stored: Vec<Source>,
    /// A permission that is being added to the store.
    pub candidate: Option<Source>,
    /// Handling of names in files that do not exist.
    pub unknown: Unknown,
    /// Everybody whom a policy may name.
    pub agents: Vec<Arc<Agent>>,
    /// Credential id to connector; `None` where no store is at hand.
    pub credentials: Option<BTreeMap<String, String>>,
    /// Hosts that credentials are bound to.
    pub bound: Vec<BoundHosts>,
    /// Variables for children that the operator lets connector files set although they have none of the usual forms.
    pub variables: BTreeSet<String>,
}

/// Connectors and policies that fit each other.
#[derive(Debug, Default)]
pub struct Snapshot {
    catalog: Catalog,
    policies: PolicySet,
}

/// The active snapshot, which a reload replaces.
#[derive(Debug)]
pub struct Current(ArcSwap<Snapshot>);

impl Snapshot {
    /// Compiles everything. All problems are in the report; with an error among them there is no snapshot.
    ///
    /// On a thread of its own: an allocator keeps what one thread frees of another's memory until that one allocates again, and
    /// whoever compiles a snapshot is long idle when it is replaced.
    #[must_use]
    pub fn compile(inputs: &Inputs) -> (Option<Self>, Report) {
        thread::scope(|scope| {
            let compiler = thread::Builder::new().name("tollgate-compile".to_owned());
            match compiler.spawn_scoped(scope, || Self::compile_here(inputs)) {
                Ok(compiling) => compiling
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No thread is to be had; the memory matters less.
                Err(_) => Self::compile_here(inputs),
            }
        })
    }

    fn compile_here(inputs: &Inputs) -> (Option<Self>, Report) {
        let mut report = Report::default();
        let catalog = Catalog::compile_with(&inputs.connectors, &inputs.variables, &mut report);
        bound::check(&catalog, &inputs.bound, &mut report);
        let mut vocabulary = Vocabulary {
            credentials: inputs.credentials.clone(),
            unknown: inputs.unknown.clone(),
            // All problems are reported at once, but a name that only a broken connector has would mislead.
            partial: report.has_errors(),
            ..Vocabulary::default()
        };
        catalog.describe(&mut vocabulary);
        for agent in &inputs.agents {
            vocabulary
                .agents
                .insert(agent.name.as_str().to_owned(), agent.labels.clone());
        }
        if !vocabulary.partial {
            warn_of_bare_credentials(&vocabulary, &mut report);
        }
        let policies = PolicySet::compile_with(
            &inputs.policies,
            &inputs.stored,
            inputs.candidate.as_ref(),
            &vocabulary,
            &mut report,
        );
        let snapshot = (!report.has_errors()).then_some(Self { catalog, policies });
        (snapshot, report)
    }

    /// Returns the connectors and what finds them.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the policies and permissions.
    #[must_use]
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }
}

/// A credential outlives its connector's file: it is kept, and goes nowhere.
fn warn_of_bare_credentials(vocabulary: &Vocabulary, report: &mut Report) {
    for (id, connector) in vocabulary.credentials.iter().flatten() {
        if !vocabulary.connectors.contains(connector) {
            let message = format!(
                "the credential `{}` is for `{}`, and there is no such connector",
                id.escape_debug(),
                connector.escape_debug()
            );
            let help = "it is not used; bring the connector's file back, or remove the credential";
            report.push(Diagnostic::warning("unknown-connector", message).help(help));
        }
    }
}

impl Current {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// Returns the active snapshot; requests under way keep theirs.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces the active snapshot.
    pub fn swap(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
