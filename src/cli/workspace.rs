//! Loads what a command works on: the configuration, the files that it names, the state directory and the store.
//!
//! INVARIANT: nothing here creates a store or a key.

mod administered;
mod bound;
mod declared;
mod stored;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use bound::{rebind, seal_pin};
pub(super) use declared::{declared_scheme, is_pinned};
pub(super) use stored::{Pins, chain, open_pins, read_if_there};

pub(super) use crate::store::StoreView;

use super::Context;
use super::failure::Failure;
use super::gateway::{Gateway, reachable};
use super::state::StateDir;
use crate::config::diagnostic::{Diagnostic, Report};
use crate::config::sources::read_dirs;
use crate::config::{self, Config, Listen, Secrets, VaultKey};
use crate::connector::Catalog;
use crate::model::agent::Agent;
use crate::model::secret::Secret;
use crate::model::show::{escape, shell_word};
use crate::model::vocabulary::Unknown;
use crate::snapshot::{Inputs, Snapshot, built_in_connectors, built_in_connectors_of};
use crate::vault::KeySource;

/// Configuration, state and files of one gateway.
#[derive(Debug, Clone)]
pub(super) struct Workspace {
    config: Config,
    directory: PathBuf,
    state: StateDir,
    gateway: Gateway,
    /// Files outside this directory are not repeated in messages.
    root: Option<PathBuf>,
}

// === impl Workspace: the configuration ===

impl Workspace {
    /// Reads the configuration; secrets in it are read where they are at hand.
    pub(super) fn load(context: &Context) -> Result<Self, Failure> {
        let args = args(context, context.config.clone(), Secrets::IfThere);
        if let (Some(beside), false) = (args.passed_over(), context.output.is_json()) {
            let shown = beside.display().to_string();
            context.output.note(&format!(
                "note: `{}` is not read; if it is yours: --config {}",
                escape(&shown),
                escape(&shell_word(&shown))
            ));
        }
        Self::read(context, &args).map_err(unusable)
    }

    /// Reads the configuration with every secret that it names, for a gateway that starts.
    pub(super) fn load_whole(context: &Context) -> Result<Self, Failure> {
        let args = args(context, context.config.clone(), Secrets::Needed);
        if let Some(beside) = args.passed_over() {
            let shown = beside.display().to_string();
            let detail = format!("the configuration `{shown}` has not been chosen yet");
            let help = format!(
                "if it is yours: tollgate serve --config {}",
                shell_word(&shown)
            );
            return Err(Failure::usage(detail).help(help));
        }
        Self::read(context, &args).map_err(unusable)
    }

    /// Reads a configuration file, or finds it.
    pub(super) fn load_file(
        context: &Context,
        file: Option<PathBuf>,
        secrets: Secrets,
    ) -> Result<Self, Report> {
        Self::read(context, &args(context, file, secrets))
    }

    fn read(context: &Context, args: &config::Args) -> Result<Self, Report> {
        Ok(Self::of(context, config::load(args)?))
    }

    /// Works on a configuration.
    pub(super) fn of(context: &Context, config: Config) -> Self {
        Self {
            gateway: Gateway::new(context, StateDir::new(config.data_dir.clone())),
            state: StateDir::new(config.data_dir.clone()),
            config,
            directory: context.process.directory.clone(),
            root: None,
        }
    }

    /// Repeats nothing of files outside a directory: what lies there names them, and may be untrusted.
    pub(super) fn confined_to(mut self, root: &Path) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    /// Works on another configuration of the same gateway.
    pub(super) fn with_config(&self, config: Config) -> Self {
        Self {
            config,
            ..self.clone()
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn state(&self) -> &StateDir {
        &self.state
    }

    /// Agents of the configuration file.
    pub(super) fn declared_agents(&self) -> impl Iterator<Item = &Agent> {
        self.config.agents.iter().map(|declared| &declared.agent)
    }

    /// Returns a client of the running gateway.
    pub(super) fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// `host:port` at which programs of this machine reach the proxy.
    pub(super) async fn proxy_address(&self) -> Result<String, Failure> {
        let ports = self.config.proxy.iter().filter_map(|listen| match listen {
            Listen::Tcp(_, port) => Some((listen, *port)),
            Listen::Unix(_) => None,
        });
        match ports.min_by_key(|(_, port)| *port == 0) {
            // The system chose; only the running gateway knows what.
            Some((_, 0)) => self.bound_address().await,
            Some((listen, _)) => Ok(reachable(&listen.to_string())),
            None => Err(Failure::failed(
                "no_port",
                "the proxy listens on no port, and toolchains cannot use a socket file",
            )
            .help("add `host:port` to `proxy.listen`")),
        }
    }

    async fn bound_address(&self) -> Result<String, Failure> {
        let status = self.gateway().get("/api/v1/status").await?;
        let bound = status
            .pointer("/proxy/0")
            .and_then(serde_json::Value::as_str)
            .and_then(|proxy| proxy.strip_prefix("http://"));
        bound.map(reachable).ok_or_else(|| {
            Failure::unreached("gateway_unreached", "the gateway does not report its port")
        })
    }

    /// As `proxy_address`, once something listens there.
    pub(super) async fn reach_proxy(&self) -> Result<String, Failure> {
        let address = self.proxy_address().await?;
        tokio::net::TcpStream::connect(&address)
            .await
            .map_err(|_| {
                Failure::unreached(
                    "gateway_unreached",
                    format!("no gateway listens on `{address}`"),
                )
                .help("start one: `tollgate serve`")
            })?;
        Ok(address)
    }
}

// === impl Workspace: the files ===

impl Workspace {
    /// Connector and policy files and declared agents; nothing of the store.
    pub(super) fn files(&self) -> Result<Inputs, Report> {
        let mut report = Report::default();
        let mut read = |dirs: &[PathBuf]| match read_dirs(
            dirs,
            &self.directory,
            self.root.as_deref(),
        ) {
            Ok(files) => {
                for (dir, _) in files.counts.iter().filter(|(_, count)| *count == 0) {
                    let shown = dir
                        .strip_prefix(&self.directory)
                        .unwrap_or(dir)
                        .display()
                        .to_string();
                    let message = format!("the directory `{shown}` has no `.yaml` file");
                    report.push(Diagnostic::error("empty-directory", message).help(
                        "an empty directory would drop its policies; remove it from the configuration if you mean that",
                    ));
                }
                files.sources
            }
            Err(problems) => {
                report.diagnostics.extend(problems.diagnostics);
                Vec::new()
            }
        };
        let own = read(&self.config.connectors);
        let policies = read(&self.config.policies);
        let mut connectors = match self.config.built_in.as_deref() {
            None => built_in_connectors(),
            Some(ids) => built_in_connectors_of(ids).unwrap_or_else(|unknown| {
                report.diagnostics.extend(unknown);
                Vec::new()
            }),
        };
        connectors.extend(own);
        if report.has_errors() {
            return Err(report);
        }
        let agents = self.declared_agents().cloned().map(Arc::new).collect();
        Ok(Inputs {
            connectors,
            policies,
            agents,
            bound: self.declared_hosts(),
            variables: self.config.run_variables.clone(),
            ..Inputs::default()
        })
    }

    /// Compiles the connectors of the configuration.
    pub(super) fn catalog(&self) -> Result<Catalog, Failure> {
        let inputs = self.files().map_err(files_failure)?;
        let mut report = Report::default();
        let (sources, variables) = (&inputs.connectors, &inputs.variables);
        let catalog = Catalog::compile_after(&Catalog::default(), sources, variables, &mut report);
        if report.has_errors() {
            Err(files_failure(report))
        } else {
            Ok(catalog)
        }
    }

    /// Compiles everything, as the gateway would now.
    pub(super) fn snapshot(&self, view: Option<&StoreView>) -> Result<Snapshot, Failure> {
        let mut inputs = self.files().map_err(files_failure)?;
        if let Some(view) = view {
            inputs = self.with_store(inputs, view);
        }
        inputs.unknown = Unknown::Tolerated;
        let (snapshot, report) = Snapshot::compile_after(&Snapshot::default(), &inputs);
        snapshot.ok_or_else(|| files_failure(report))
    }
}

/// Returns the configured source of the master key; never one that makes a key.
pub(super) fn key_source(key: &VaultKey) -> Result<KeySource, Failure> {
    match key {
        VaultKey::File(path) => Ok(KeySource::File(path.clone())),
        VaultKey::Key(secret) => Ok(variable_key(secret)),
        VaultKey::Passphrase(secret) => Ok(KeySource::Passphrase(secret.clone())),
        VaultKey::Unread(name) => Err(Failure::failed(
            "vault",
            format!("the master key is in the variable `{name}`, which is not set"),
        )),
    }
}

fn variable_key(secret: &Secret) -> KeySource {
    KeySource::Variable {
        name: "vault.key.env".to_owned(),
        value: secret.clone(),
    }
}

/// Returns the arguments of the search for the configuration.
pub(super) fn args(context: &Context, config: Option<PathBuf>, secrets: Secrets) -> config::Args {
    config::Args {
        config,
        cwd: context.process.directory.clone(),
        env: context.process.text_variables(),
        secrets,
    }
}

/// Reports a configuration with errors.
pub(super) fn unusable(report: Report) -> Failure {
    Failure::failed("configuration", "the configuration cannot be used").because(report)
}

/// Broken connector or policy files.
pub(super) fn files_failure(report: Report) -> Failure {
    Failure::failed("files", "connectors and policies cannot be used").because(report)
}
