//! Runs `check`: checks configuration, connectors, policies, cross references and all tests offline. Exits with 1 where there are
//! problems.

use std::path::{Path, PathBuf};

use super::Context;
use super::args::{Check, CheckFormat};
use super::control;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::{Pins, StoreView, Workspace, args};
use crate::config::diagnostic::{Diagnostic, Report, Severity};
use crate::config::yaml;
use crate::config::{Config, Secrets, discovery};
use crate::connector::Catalog;
use crate::simulate::case::{self, Tried};
use crate::snapshot::{Inputs, Snapshot, built_in_connectors};
use crate::vault::CredentialDraft;

/// Whether a warning fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Errors,
    Warnings,
}

/// Which tests are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tests {
    None,
    All,
    Policies,
    /// Of all connectors, or of those with these ids.
    Connectors(Option<Vec<String>>),
}

pub(super) async fn run(context: &Context, args: &Check) -> Outcome {
    let strictness = if args.strict {
        Strictness::Warnings
    } else {
        Strictness::Errors
    };
    let format = match (args.format, context.output.is_json()) {
        (Some(format), _) => format,
        (None, true) => CheckFormat::Json,
        (None, false) => CheckFormat::Text,
    };
    let found = examine_gathered(context, args.dir.as_deref(), &Tests::All).await?;
    if args.dir.is_none() {
        control::tell_what_waits(context).await;
    }
    finish(context, &found, format, strictness)
}

/// Examines a directory or the configuration, with the credentials that it declares.
pub(super) async fn examine_gathered(
    context: &Context,
    dir: Option<&Path>,
    tests: &Tests,
) -> Result<Tried, Failure> {
    let gathered = match gather(context, dir).await? {
        Ok(gathered) => gathered,
        Err(report) => return Ok(Tried { total: 0, report }),
    };
    let mut found = examine(context, &gathered.inputs, tests);
    if let Some(workspace) = gathered.workspace {
        let mut report = Report::default();
        let catalog = Catalog::compile_with(
            &gathered.inputs.connectors,
            &gathered.inputs.variables,
            &mut report,
        );
        // With a store at hand the snapshot has told of them.
        if !report.has_errors() && gathered.inputs.credentials.is_none() {
            let bare = workspace.bare_credentials(&catalog);
            found.report.diagnostics.extend(bare);
        }
        // Against connectors that do not compile, each credential would be a second, misleading error.
        if !report.has_errors()
            && let Err(report) = workspace.declared_credentials(
                &catalog,
                &Pins::new(),
                "",
                CredentialDraft::unsealed,
            )
        {
            found.report.diagnostics.extend(report.diagnostics);
        }
    }
    Ok(found)
}

/// Everything that `check` looks at.
struct Gathered {
    inputs: Inputs,
    /// The workspace, if a whole configuration is checked.
    workspace: Option<Workspace>,
}

/// Compiles everything and runs tests that the files hold.
pub(super) fn examine(context: &Context, inputs: &Inputs, tests: &Tests) -> Tried {
    let (snapshot, report) = Snapshot::compile(inputs);
    let mut found = Tried { total: 0, report };
    let Some(snapshot) = snapshot else {
        return found;
    };
    let mut add = |tried: Tried| {
        found.total += tried.total;
        found.report.diagnostics.extend(tried.report.diagnostics);
    };
    match tests {
        Tests::None => {}
        Tests::All => {
            add(case::connectors(&snapshot, None));
            add(case::policies(&snapshot, context.process.clock.now()));
        }
        Tests::Policies => add(case::policies(&snapshot, context.process.clock.now())),
        Tests::Connectors(None) => add(case::connectors(&snapshot, None)),
        Tests::Connectors(Some(ids)) => ids
            .iter()
            .for_each(|id| add(case::connectors(&snapshot, Some(id)))),
    }
    found
}

/// Loads what is checked: a configuration, or a directory without one.
async fn gather(
    context: &Context,
    dir: Option<&Path>,
) -> Result<Result<Gathered, Report>, Failure> {
    let alone = |inputs| Gathered {
        inputs,
        workspace: None,
    };
    let Some(dir) = dir else {
        let known = args(context, None, Secrets::Unread);
        if context.config.is_none() && known.passed_over().is_some() {
            let message = "`./tollgate.yaml` is not the active configuration";
            let help = "name one: `tollgate check .`, or `--config FILE`";
            return Err(Failure::usage(message.to_owned()).help(help));
        }
        return from_configuration(context, context.config.clone(), Whose::Chosen).await;
    };
    let dir = context.process.directory.join(dir);
    if !dir.is_dir() {
        return Err(Failure::usage(format!(
            "`{}` is not a directory",
            dir.display()
        )));
    }
    let file = dir.join("tollgate.yaml");
    if context.config.is_none() && file.is_file() {
        let known = args(context, None, Secrets::Unread);
        let real = |path: PathBuf| path.canonicalize().ok();
        let chosen = discovery::locate(&known).and_then(real);
        let whose = match real(file.clone()) {
            Some(path) if chosen == Some(path.clone()) => Whose::Chosen,
            Some(_) | None => Whose::Anybodys,
        };
        return from_configuration(context, Some(file), whose).await;
    }
    let connectors: Vec<PathBuf> = vec![dir.join("connectors.d")]
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect();
    let policies: Vec<PathBuf> = vec![dir.join("policies.d")]
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect();
    if connectors.is_empty() && policies.is_empty() {
        return Ok(loose_files(context, &dir).map(alone));
    }
    let config = match Config::embedded(&context.process.text_variables()) {
        Ok(config) => Config {
            connectors,
            policies,
            ..config
        },
        Err(report) => return Ok(Err(report)),
    };
    Ok(Workspace::of(context, config)
        .confined_to(&dir)
        .files()
        .map(alone))
}

/// Which configuration is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The configuration that the gateway uses.
    Chosen,
    /// One in a directory that was named: no secret, key or store that it names is read.
    Anybodys,
}

/// With the store's permissions, agents and credentials where there is a store, so that names in files can be checked.
async fn from_configuration(
    context: &Context,
    file: Option<PathBuf>,
    whose: Whose,
) -> Result<Result<Gathered, Report>, Failure> {
    let secrets = match whose {
        Whose::Chosen => Secrets::IfThere,
        Whose::Anybodys => Secrets::Unread,
    };
    let root = file.as_deref().and_then(Path::parent).map(Path::to_owned);
    let workspace = match Workspace::load_file(context, file, secrets) {
        Ok(workspace) => workspace,
        Err(report) => return Ok(Err(report)),
    };
    let workspace = match (whose, root) {
        (Whose::Anybodys, Some(root)) => workspace.confined_to(&root),
        _ => workspace,
    };
    let files = match workspace.files() {
        Ok(files) => files,
        Err(report) => return Ok(Err(report)),
    };
    let view = match whose {
        Whose::Chosen => StoreView::read_if_there(&workspace.config().store_url).await?,
        Whose::Anybodys => None,
    };
    let inputs = match view {
        Some(view) => workspace.with_store(files, &view),
        None => files,
    };
    Ok(Ok(Gathered {
        inputs,
        workspace: Some(workspace),
    }))
}

/// Files of one directory, told apart by their first key.
fn loose_files(context: &Context, dir: &Path) -> Result<Inputs, Report> {
    let base = &context.process.directory;
    let files = crate::config::sources::read_dirs(&[dir.to_owned()], base, Some(dir))?;
    if files.sources.is_empty() {
        let mut report = Report::default();
        let message = format!(
            "there is no connector or policy file in `{}`",
            dir.display()
        );
        report.push(Diagnostic::error("empty-directory", message));
        return Err(report);
    }
    let mut inputs = Inputs {
        connectors: built_in_connectors(),
        ..Inputs::default()
    };
    for source in files.sources {
        // A file that does not read is a connector's until it says otherwise: its problems are told either way.
        let document: Option<serde_json::Value> = yaml::read(&source, &mut Report::default());
        let is_policy = document.is_some_and(|document| {
            document.get("connector").is_none()
                && (document.get("permissions").is_some() || document.get("policies").is_some())
        });
        if is_policy {
            inputs.policies.push(source)
        } else {
            inputs.connectors.push(source)
        }
    }
    Ok(inputs)
}

/// `1 error`, `2 errors`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Prints the report and returns the exit that it means.
pub(super) fn finish(
    context: &Context,
    found: &Tried,
    format: CheckFormat,
    strictness: Strictness,
) -> Outcome {
    let Tried { total, report } = found;
    let count = |severity| {
        report
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match format {
        CheckFormat::Text => {
            let text = report.to_text();
            if !text.is_empty() {
                context.output.line(text.trim_end())?;
                context.output.line("")?;
            }
            context.output.line(&format!(
                "{}, {}, {} run",
                counted(errors, "error"),
                counted(warnings, "warning"),
                counted(*total, "test"),
            ))?;
        }
        CheckFormat::Json => context.output.document(&report.to_json())?,
        CheckFormat::Sarif => context.output.document(&report.to_sarif())?,
        CheckFormat::Github => context.output.raw(&report.to_github())?,
    }
    let failed = errors > 0 || (strictness == Strictness::Warnings && warnings > 0);
    Ok(if failed { Exit::Problems } else { Exit::Done })
}
