//! Builds a [`Config`] from a manifest, or reports every problem of the file, its variables and its secrets.

mod audit;
mod context;
mod declared;
mod limits;
mod log;
mod network;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::{Diagnostic, Report, Source};
use super::manifest::{ApprovalSection, Enforcement, KeySection, Manifest};
use super::yaml::{self, At};
use super::{
    Approval, Args, CaFiles, CertFiles, Config, Log, Secrets, VaultKey, discovery, environment,
};
pub use log::{LogFilterError, check_log_filter};

use context::Context;
use limits::period;

const PROXY_PORT: u16 = 7070;
const ADMIN_PORT: u16 = 7071;
const METRICS_PORT: u16 = 7072;

/// How often each credential is tested, unless the file says.
const TEST_EVERY: Duration = Duration::from_secs(15 * 60);

/// Finds, reads and checks the configuration.
///
/// # Errors
/// Every problem found.
pub fn load(args: &Args) -> Result<Config, Report> {
    match discovery::find(args) {
        Ok(Some((file, source))) => {
            let base = file.parent().unwrap_or(&args.cwd).to_owned();
            let config = build(&source, &base, args)?;
            Ok(Config {
                file: Some(file),
                ..config
            })
        }
        Ok(None) => build(&nothing(), &args.cwd, args),
        Err(problem) => Err(Report {
            diagnostics: vec![problem],
        }),
    }
}

impl Config {
    /// Returns what holds without a file: the defaults and the variables.
    ///
    /// # Errors
    /// Every problem of the variables; also when there is no place for state.
    pub fn embedded(env: &BTreeMap<String, String>) -> Result<Self, Report> {
        let args = Args {
            config: None,
            cwd: PathBuf::from("."),
            env: env.clone(),
            secrets: Secrets::IfThere,
        };
        build(&nothing(), &args.cwd, &args)
    }
}

fn nothing() -> Source {
    Source {
        name: "defaults".into(),
        text: "".into(),
        built_in: true,
    }
}

fn build(source: &Source, base: &Path, args: &Args) -> Result<Config, Report> {
    let mut report = Report::default();
    let overrides = environment::overrides(&args.env, base, &mut report);
    let manifest: Option<Manifest> = yaml::read_with(source, &overrides, &mut report);
    let Some(manifest) = manifest else {
        return Err(report);
    };
    let mut context = Context {
        source,
        base,
        env: &args.env,
        secrets: args.secrets,
        report: &mut report,
        tokens: BTreeSet::new(),
        variables: BTreeSet::new(),
    };
    let config = check(&mut context, &manifest).map(|config| Config {
        secret_variables: std::mem::take(&mut context.variables),
        ..config
    });
    match config {
        Some(config) if !report.has_errors() => Ok(config),
        Some(_) | None => {
            // A stable sort: problems without a place come first.
            report.diagnostics.sort_by_key(|problem| {
                problem
                    .places
                    .first()
                    .map(|place| (place.line, place.column))
            });
            Err(report)
        }
    }
}

#[expect(clippy::too_many_lines, reason = "it names each setting once")]
fn check(context: &mut Context<'_>, manifest: &Manifest) -> Option<Config> {
    refuse_unsupported(context, manifest);
    let data_dir = data_dir(context, manifest);
    let proxy = network::listen_for_agents(context, manifest.proxy.listen.as_ref(), PROXY_PORT);
    Some(Config {
        file: None,
        proxy,
        proxy_tls: manifest.proxy.tls.as_ref().map(|tls| CertFiles {
            cert: context.file(&tls.cert),
            key: context.file(&tls.key),
        }),
        admin_tls: manifest.admin.tls.as_ref().map(|tls| CertFiles {
            cert: context.file(&tls.cert),
            key: context.file(&tls.key),
        }),
        admin: network::listen(context, manifest.admin.listen.as_ref(), ADMIN_PORT),
        metrics: network::listen(context, manifest.metrics.listen.as_ref(), METRICS_PORT),
        hosts: [&manifest.admin.hosts, &manifest.metrics.hosts]
            .into_iter()
            .flat_map(|written| network::hosts(context, written))
            .collect(),
        connectors: manifest
            .connectors
            .iter()
            .map(|at| context.directory(at))
            .collect(),
        built_in: manifest
            .built_in
            .as_ref()
            .map(|ids| ids.iter().map(|id| id.value.clone()).collect()),
        policies: manifest
            .policies
            .iter()
            .map(|at| context.directory(at))
            .collect(),
        store_url: store_url(context, manifest.store.url.as_ref(), data_dir.as_deref()),
        vault_key: vault_key(context, &manifest.vault.key, data_dir.as_deref()),
        test_every: manifest
            .vault
            .test_every
            .as_ref()
            .map_or(TEST_EVERY, |every| every.value.0),
        agents: declared::agents(context, &manifest.agents),
        credentials: declared::credentials(context, &manifest.credentials),
        operators: declared::operators(context, &manifest.operators),
        ca: manifest.ca.as_ref().map(|ca| CaFiles {
            cert: context.file(&ca.cert),
            key: context.file(&ca.key),
        }),
        egress: network::egress(context, &manifest.egress),
        egress_proxy: network::egress_proxy(context, manifest.egress.proxy.as_ref()),
        limits: limits::limits(context, &manifest.limits),
        approval: approval(context, &manifest.approval),
        audit: audit::audit(context, &manifest.audit),
        log: Log {
            level: log::level(context, manifest.log.level.as_ref()),
            format: manifest.log.format,
        },
        run_variables: manifest.run.env.iter().map(|at| at.value.clone()).collect(),
        data_dir: data_dir?,
        secret_variables: BTreeSet::new(),
    })
}

fn refuse_unsupported(context: &mut Context<'_>, manifest: &Manifest) {
    let shadow = manifest
        .enforcement
        .as_ref()
        .filter(|enforcement| enforcement.value == Enforcement::Shadow);
    context.unsupported("enforcement: shadow", shadow);
}

fn data_dir(context: &mut Context<'_>, manifest: &Manifest) -> Option<PathBuf> {
    let dir = match &manifest.data_dir {
        Some(at) => Some(context.path(at)),
        None => discovery::state_dir(context.env),
    };
    if dir.is_none() {
        let problem = Diagnostic::error(
            "no-state-directory",
            "the gateway has no directory for its state",
        );
        context
            .report
            .push(problem.help("set `data_dir`, or the variable `HOME`"));
    }
    dir
}

fn store_url(
    context: &mut Context<'_>,
    written: Option<&At<String>>,
    data_dir: Option<&Path>,
) -> String {
    let sqlite = |path: &Path| format!("sqlite:{}", path.display());
    let Some(at) = written else {
        return data_dir
            .map(|dir| sqlite(&dir.join("tollgate.db")))
            .unwrap_or_default();
    };
    match at.value.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.starts_with('~') && !path.contains(['?', '#']) => {
            sqlite(&context.base.join(path.strip_prefix("//").unwrap_or(path)))
        }
        None if at.value.starts_with("postgres") => {
            context.unsupported_secret("store.url: postgres", Some(at));
            String::new()
        }
        // The text may hold a password, so it is not repeated.
        Some(_) | None => {
            context.secret_error("invalid-value", "a store is `sqlite:path/to/file`", at);
            String::new()
        }
    }
}

fn vault_key(context: &mut Context<'_>, written: &KeySection, data_dir: Option<&Path>) -> VaultKey {
    let given: Vec<&At<String>> = [&written.file, &written.env, &written.passphrase_env]
        .into_iter()
        .flatten()
        .collect();
    if let [_, second, ..] = given.as_slice() {
        context.error(
            "invalid-value",
            "the master key has one source: `file`, `env` or `passphrase_env`",
            second,
        );
    }
    let default = VaultKey::File(
        data_dir
            .map(|dir| dir.join("master.key"))
            .unwrap_or_default(),
    );
    match written {
        KeySection { file: Some(at), .. } => VaultKey::File(context.path(at)),
        KeySection { env: Some(at), .. } => context
            .variable(at)
            .map_or_else(|| VaultKey::Unread(at.value.clone()), VaultKey::Key),
        KeySection {
            passphrase_env: Some(at),
            ..
        } => context
            .variable(at)
            .map_or_else(|| VaultKey::Unread(at.value.clone()), VaultKey::Passphrase),
        KeySection {
            file: None,
            env: None,
            passphrase_env: None,
        } => default,
    }
}

fn approval(context: &mut Context<'_>, written: &ApprovalSection) -> Approval {
    let defaults = Approval::default();
    Approval {
        timeout: period(context, written.timeout.as_ref(), defaults.timeout),
        expires: period(context, written.expires.as_ref(), defaults.expires),
    }
}
