//! `tollgate.yaml` while the gateway runs: what can take effect does, what cannot is named, and a broken file changes nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value as Json;

use super::live::{Declared, Live};
use crate::cli::Context;
use crate::cli::workspace::{Workspace, args, open_pins};
use crate::config::diagnostic::{Diagnostic, Report, Source};
use crate::config::{self, Config, Secrets, yaml};
use crate::snapshot::Inputs;

/// Keys that take effect without a restart; all others are named where they have changed.
const RELOADED: [&str; 3] = ["agents", "credentials", "operators"];

/// Directories: more of them take effect, fewer do not, since a file that is half saved would disarm what is in them.
const DIRECTORIES: [&str; 2] = ["connectors", "policies"];

/// The configuration that runs, and what became of the file since.
#[derive(Debug)]
pub(super) struct Settings {
    /// How the file was read at start.
    args: config::Args,
    /// The file as it was at start: what differs from it and needs a restart still does after the next change.
    started: Json,
    /// What the file looked like when it was last read.
    read: Option<Stamp>,
    /// As at the last look; a file is read once it has been left alone for a moment.
    seen: Option<Stamp>,
    /// Why the file as it is now has not taken effect.
    pub(super) failure: Option<String>,
    /// Keys whose change needs a restart.
    pub(super) needs_restart: Vec<String>,
}

/// What changes when a file is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Settings {
    pub(super) fn new(context: &Context, config: &Config) -> Self {
        let args = args(context, None, Secrets::Needed);
        let file = config.file.as_deref();
        let stamp = file.and_then(stamp);
        Self {
            args: config::Args {
                config: config.file.clone(),
                ..args
            },
            started: file.map(document).unwrap_or(Json::Null),
            read: stamp,
            seen: stamp,
            failure: None,
            needs_restart: Vec::new(),
        }
    }

    /// Returns whether the file has changed since it was read and been left alone since the last look.
    pub(super) fn has_changed(&mut self) -> bool {
        let now = self.args.config.as_deref().and_then(stamp);
        let is_quiet = now == self.seen;
        self.seen = now;
        is_quiet && now != self.read
    }
}

impl Live {
    /// Reads the configuration again and puts in force what can be; returns whether other directories hold the files now.
    pub(super) async fn reload_settings(self: &Arc<Self>) -> bool {
        let (args, started) = {
            let mut settings = self.settings.lock();
            settings.read = settings.args.config.as_deref().and_then(stamp);
            (settings.args.clone(), settings.started.clone())
        };
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
        let mut settings = self.settings.lock();
        match taken {
            Ok(moved) => {
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
                if settings.failure.as_ref() != Some(&text) {
                    tracing::error!("the configuration has errors, the active one stays: {text}");
                }
                settings.failure = Some(text);
                false
            }
        }
    }

    /// Puts agents, credentials, operators and directories of a configuration in force.
    fn take_settings(self: &Arc<Self>, config: Config) -> Result<bool, Report> {
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
            secret_variables: config.secret_variables,
            ..old.config().clone()
        });
        let catalog = self.catalog_of(&workspace)?;
        let created_at = self.clock.stamp();
        let pins = open_pins(&self.rebinder, &self.view.load().pins);
        let credentials =
            workspace.declared_credentials(&catalog, &pins, &created_at, |draft| {
                self.sealer.seal(draft, &mut rand::rng())
            })?;
        let declared = Declared::of(&workspace, credentials);
        self.declared.store(Arc::new(declared));
        self.workspace.store(Arc::new(workspace));
        Ok(moved)
    }

    /// The connectors of a configuration's directories: what its credentials are declared for.
    fn catalog_of(&self, workspace: &Workspace) -> Result<crate::connector::Catalog, Report> {
        let Inputs { connectors, .. } = workspace.files()?;
        let mut report = Report::default();
        let catalog = crate::connector::Catalog::compile(&connectors, &mut report);
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

fn stamp(file: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(file).ok()?;
    Some(Stamp {
        modified: found.modified().ok(),
        length: found.len(),
        inode: found.ino(),
    })
}

fn document(file: &Path) -> Json {
    let source = Source {
        name: "".into(),
        text: std::fs::read_to_string(file).unwrap_or_default().into(),
        built_in: false,
    };
    yaml::read(&source, &mut Report::default()).unwrap_or(Json::Null)
}

/// Returns whether a list has all that another has.
fn holds(list: &Json, other: &Json) -> bool {
    let items = |list: &Json| list.as_array().cloned().unwrap_or_default();
    let all = items(list);
    items(other).iter().all(|item| all.contains(item))
}

/// Returns the new directories where none of the old ones is missing.
fn grown(old: &[PathBuf], new: Vec<PathBuf>) -> Vec<PathBuf> {
    if old.iter().all(|directory| new.contains(directory)) {
        new
    } else {
        old.to_vec()
    }
}

/// Returns the keys that differ and take effect only at a start, two levels deep.
fn changed(started: &Json, now: &Json) -> Vec<String> {
    let keys = |document: &Json| -> Vec<String> {
        let fields = document.as_object();
        fields
            .into_iter()
            .flat_map(|fields| fields.keys().cloned())
            .collect()
    };
    let mut all = Vec::new();
    for key in keys(started).into_iter().chain(keys(now)) {
        if RELOADED.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let (old, new) = (&started[key.as_str()], &now[key.as_str()]);
        let grown = DIRECTORIES.contains(&key.as_str()) && holds(new, old);
        if old == new || grown {
            continue;
        }
        if old.is_object() || new.is_object() {
            let inner = keys(old).into_iter().chain(keys(new));
            let inner = inner.filter(|inner| old.get(inner) != new.get(inner));
            all.extend(inner.map(|inner| format!("{key}.{inner}")));
        } else {
            all.push(key);
        }
    }
    all.sort();
    all.dedup();
    all
}
