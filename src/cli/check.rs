//! `check`: configuration, connectors, policies, cross references and all tests, offline; problems out, exit 1 where there are any.

use std::path::{Path, PathBuf};

use super::Context;
use super::args::{Check, CheckFormat};
use super::failure::{Exit, Failure, Outcome};
use super::workspace::{StoreView, Workspace};
use crate::config::Config;
use crate::config::diagnostic::{Report, Severity};
use crate::config::yaml;
use crate::snapshot::{Inputs, Snapshot, built_in_connectors};
use crate::study::case::{self, Tried};

/// Whether warnings count.
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
    let found = match gather(context, args.dir.as_deref()).await? {
        Ok(inputs) => examine(context, &inputs, &Tests::All),
        Err(report) => Tried { total: 0, report },
    };
    finish(context, &found, format, strictness)
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
            add(case::policies(&snapshot, context.world.clock.now()));
        }
        Tests::Policies => add(case::policies(&snapshot, context.world.clock.now())),
        Tests::Connectors(None) => add(case::connectors(&snapshot, None)),
        Tests::Connectors(Some(ids)) => ids
            .iter()
            .for_each(|id| add(case::connectors(&snapshot, Some(id)))),
    }
    found
}

/// Finds what is to be checked: a configuration, or a directory without one.
pub(super) async fn gather(
    context: &Context,
    dir: Option<&Path>,
) -> Result<Result<Inputs, Report>, Failure> {
    let Some(dir) = dir else {
        return from_configuration(context, context.config.clone()).await;
    };
    let dir = context.world.directory.join(dir);
    if !dir.is_dir() {
        return Err(Failure::usage(format!(
            "`{}` is not a directory",
            dir.display()
        )));
    }
    let file = dir.join("tollgate.yaml");
    if context.config.is_none() && file.is_file() {
        return from_configuration(context, Some(file)).await;
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
        return Ok(loose_files(context, &dir));
    }
    let config = match Config::embedded(&context.world.text_variables()) {
        Ok(config) => Config {
            connectors,
            policies,
            ..config
        },
        Err(report) => return Ok(Err(report)),
    };
    Ok(Workspace::of(context, config).files())
}

/// With the store's permissions, agents and credentials where there is a store, so that names in files can be checked.
async fn from_configuration(
    context: &Context,
    file: Option<PathBuf>,
) -> Result<Result<Inputs, Report>, Failure> {
    let workspace = match Workspace::load_file(context, file) {
        Ok(workspace) => workspace,
        Err(report) => return Ok(Err(report)),
    };
    let files = match workspace.files() {
        Ok(files) => files,
        Err(report) => return Ok(Err(report)),
    };
    Ok(Ok(
        match StoreView::read_if_there(&workspace.config().store_url).await? {
            Some(view) => workspace.with_store(files, &view),
            None => files,
        },
    ))
}

/// Files of one directory, told apart by their first key.
fn loose_files(context: &Context, dir: &Path) -> Result<Inputs, Report> {
    let files = crate::config::sources::read_dirs(&[dir.to_owned()], &context.world.directory)?;
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
                "{errors} errors, {warnings} warnings, {total} tests run"
            ))?;
        }
        CheckFormat::Json => context.output.document(&report.to_json())?,
        CheckFormat::Sarif => context.output.document(&report.to_sarif())?,
        CheckFormat::Github => context.output.raw(&report.to_github())?,
    }
    let failed = errors > 0 || (strictness == Strictness::Warnings && warnings > 0);
    Ok(if failed { Exit::Problems } else { Exit::Done })
}
