//! Holds the connectors and policies of one moment, compiled together. A reload replaces all of them or none.

mod bound;
mod built_in;
pub mod reload;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwap;
use sha2::{Digest as _, Sha256};

pub use bound::BoundHosts;
pub use built_in::{built_in_connectors, built_in_connectors_of};

use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::connector::Catalog;
use crate::model::agent::Agent;
use crate::model::hex::hex;
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
    id: Arc<str>,
    catalog: Catalog,
    policies: PolicySet,
}

/// The active snapshot, which a reload replaces.
#[derive(Debug)]
pub struct Current(ArcSwap<Snapshot>);

impl Snapshot {
    /// Compiles everything. All problems are in the report; with an error among them there is no snapshot.
    ///
    /// It runs on a thread of its own. An allocator keeps memory that one thread frees for another until that other one allocates
    /// again, and the thread that compiled a snapshot is long idle when the snapshot is replaced.
    #[must_use]
    pub fn compile(inputs: &Inputs) -> (Option<Self>, Report) {
        Self::compile_apart(None, inputs)
    }

    /// As [`Snapshot::compile`], to read requests by: without tests and warnings of built-in connectors. Those whose files are as they
    /// were in the snapshot before are the same values.
    #[must_use]
    pub fn compile_after(before: &Self, inputs: &Inputs) -> (Option<Self>, Report) {
        Self::compile_apart(Some(before), inputs)
    }

    fn compile_apart(before: Option<&Self>, inputs: &Inputs) -> (Option<Self>, Report) {
        thread::scope(|scope| {
            let compiler = thread::Builder::new().name("tollgate-compile".to_owned());
            match compiler.spawn_scoped(scope, || Self::compile_here(before, inputs)) {
                Ok(compiling) => compiling
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No thread is to be had; the memory matters less.
                Err(_) => Self::compile_here(before, inputs),
            }
        })
    }

    fn compile_here(before: Option<&Self>, inputs: &Inputs) -> (Option<Self>, Report) {
        let mut report = Report::default();
        let (sources, variables) = (&inputs.connectors, &inputs.variables);
        let catalog = match before {
            Some(before) => {
                Catalog::compile_after(&before.catalog, sources, variables, &mut report)
            }
            None => Catalog::compile_with(sources, variables, &mut report),
        };
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
        let snapshot = (!report.has_errors()).then(|| Self {
            id: id(inputs),
            catalog,
            policies,
        });
        (snapshot, report)
    }

    /// Returns the hash of its files and permissions, 16 hexadecimal digits: for records.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
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

/// Returns the start of a SHA-256 over names and texts, each behind its length.
fn id(inputs: &Inputs) -> Arc<str> {
    let mut hash = Sha256::new();
    let files = inputs.connectors.iter().chain(&inputs.policies);
    for Source { name, text, .. } in files.chain(&inputs.stored).chain(&inputs.candidate) {
        for part in [name.as_bytes(), text.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    let hash = hash.finalize();
    let (start, _) = hash.split_at(8);
    hex(start).into()
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
