//! Reads `tollgate.yaml` again while the gateway runs: what can take effect does, and a broken file changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Declared, Live};
use crate::cli::serve::bindings;
use crate::cli::serve::settings::{changed, document};
use crate::cli::workspace::{Workspace, open_pins};
use crate::config::diagnostic::{Diagnostic, Report};
use crate::config::{self, Config};
use crate::connector::Catalog;

impl Live {
    /// Reads the configuration again and applies what can be; returns whether other directories hold the files now.
    pub(super) async fn reload_settings(self: &Arc<Self>) -> bool {
        let (args, started) = self.settings.lock().begin_read();
        let Some(file) = args.config.clone() else {
            return false;
        };
        // Its secrets are read from files.
        let live = Arc::clone(self);
        let taken = tokio::task::spawn_blocking(move || {
            let config = config::load(&args)?;
            refuse_empty(&args)?;
            live.take_settings(config)
        });
        let taken = match taken.await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "the configuration could not be read; the active one stays");
                return false;
            }
        };
        let taken = match taken {
            Ok((moved, catalog)) => {
                self.pin_declared(&catalog).await;
                Ok(moved)
            }
            Err(report) => Err(report),
        };
        let mut settings = self.settings.lock();
        match taken {
            Ok(moved) => {
                self.record_configuration(None);
                settings.failure = None;
                let keys = changed(&started, &document(&file));
                if keys != settings.needs_restart && !keys.is_empty() {
                    let keys = keys.join(", ");
                    tracing::warn!("the configuration has changed and needs a restart: {keys}");
                }
                settings.needs_restart = keys;
                tracing::info!("the configuration is reloaded");
                moved
            }
            Err(report) => {
                let text = report.to_text();
                self.record_configuration(Some(&text));
                if settings.failure.as_ref() != Some(&text) {
                    report.log();
                    tracing::error!(
                        "the configuration has errors, the active one stays; `tollgate check` shows all problems"
                    );
                }
                settings.failure = Some(text);
                false
            }
        }
    }

    /// Binds credentials that the configuration declares for the first time to where their schemes put them now. Until a restart
    /// an edited connector file would else put them elsewhere.
    async fn pin_declared(&self, catalog: &Catalog) {
        let (workspace, view) = (self.workspace.load_full(), self.view.load_full());
        let stores = (&self.store, &self.journal);
        let pinned = bindings::pin(&workspace, stores, (&self.rebinder, catalog), &view).await;
        if pinned.is_err() {
            tracing::error!("declared credentials cannot be bound: the store cannot be written");
        }
    }

    /// Applies agents, credentials, operators and directories of a configuration; returns whether directories were added,
    /// and the connectors that its credentials are declared for.
    fn take_settings(self: &Arc<Self>, config: Config) -> Result<(bool, Catalog), Report> {
        let old = self.workspace.load_full();
        let connectors = grown(&old.config().connectors, config.connectors);
        let policies = grown(&old.config().policies, config.policies);
        let moved = old.config().connectors != connectors || old.config().policies != policies;
        let workspace = old.with_config(Config {
            agents: config.agents,
            credentials: config.credentials,
            operators: config.operators,
            connectors,
            policies,
            built_in: config.built_in,
            secret_variables: config.secret_variables,
            ..old.config().clone()
        });
        let catalog = self.catalog_of(&workspace)?;
        let created_at = self.clock.stamp();
        let mut pins = open_pins(&self.rebinder, &self.view.load().pins);
        bindings::note_deleted(&workspace, self.journal.directory(), &mut pins);
        let credentials =
            workspace.declared_credentials(&catalog, &pins, &created_at, |draft| {
                self.sealer.seal(draft, &mut rand::rng())
            })?;
        let declared = Declared::of(&workspace, credentials);
        self.declared.store(Arc::new(declared));
        self.workspace.store(Arc::new(workspace));
        Ok((moved, catalog))
    }

    /// The connectors of a configuration's directories: what its credentials are declared for.
    fn catalog_of(&self, workspace: &Workspace) -> Result<Catalog, Report> {
        let inputs = workspace.files()?;
        let mut report = Report::default();
        let current = self.current.snapshot();
        let (before, sources) = (current.catalog(), &inputs.connectors);
        let catalog = Catalog::compile_after(before, sources, &inputs.variables, &mut report);
        if report.has_errors() {
            Err(report)
        } else {
            Ok(catalog)
        }
    }
}

/// An editor may be half way through writing it, and by nothing at all everything declared would be gone.
fn refuse_empty(args: &config::Args) -> Result<(), Report> {
    let text = args.config.as_ref().map(std::fs::read_to_string);
    if matches!(text, Some(Ok(text)) if !text.trim().is_empty()) {
        return Ok(());
    }
    let problem = Diagnostic::error("empty-file", "the configuration is empty");
    Err(Report {
        diagnostics: vec![problem],
    })
}

/// Returns the new directories where none of the old ones is missing.
fn grown(old: &[PathBuf], new: Vec<PathBuf>) -> Vec<PathBuf> {
    if old.iter().all(|directory| new.contains(directory)) {
        new
    } else {
        old.to_vec()
    }
}
