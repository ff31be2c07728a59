//! Runs `check`: checks configuration, connectors, policies, cross references and all tests offline. Exits with 1 where there are
//! problems.

mod gather;

use std::path::Path;

use super::Context;
use super::args::{Check, CheckFormat};
use super::control;
use super::failure::{Exit, Failure, Outcome};
use super::workspace::Pins;
use crate::config::diagnostic::{Report, Severity};
use crate::connector::Catalog;
use crate::model::show::counted;
use crate::simulate::case::{self, Tried};
use crate::snapshot::{Inputs, Snapshot};
use crate::vault::CredentialDraft;
use gather::gather;

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
    if args.dir.is_none() && !context.offline {
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
    let (found, _) = examine_with_inputs(context, dir, tests).await?;
    Ok(found)
}

/// Does the same, and returns what was compiled; nothing where it could not be read.
pub(super) async fn examine_with_inputs(
    context: &Context,
    dir: Option<&Path>,
    tests: &Tests,
) -> Result<(Tried, Inputs), Failure> {
    let gathered = match gather(context, dir).await? {
        Ok(gathered) => gathered,
        Err(report) => return Ok((Tried { total: 0, report }, Inputs::default())),
    };
    let mut found = examine(context, &gathered.inputs, tests);
    if let Some(workspace) = gathered.workspace {
        let mut report = Report::default();
        let sources = &gathered.inputs.connectors;
        let variables = &gathered.inputs.variables;
        let catalog = Catalog::compile_after(&Catalog::default(), sources, variables, &mut report);
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
    Ok((found, gathered.inputs))
}

/// Returns what a directory is compiled from.
pub(super) async fn inputs(context: &Context, dir: &Path) -> Result<Inputs, Failure> {
    let gathered = gather(context, Some(dir)).await?;
    gathered
        .map(|gathered| gathered.inputs)
        .map_err(super::workspace::files_failure)
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
                counted(errors as u64, "errors"),
                counted(warnings as u64, "warnings"),
                counted(*total as u64, "tests"),
            ))?;
        }
        CheckFormat::Json => context.output.document(&report.to_json())?,
        CheckFormat::Sarif => context.output.document(&report.to_sarif())?,
        CheckFormat::Github => context.output.raw(&report.to_github())?,
    }
    let failed = errors > 0 || (strictness == Strictness::Warnings && warnings > 0);
    Ok(if failed { Exit::Problems } else { Exit::Done })
}
