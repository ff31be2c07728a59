//! Loads each draft and runs its tests before anything is written.

use std::path::Path;

use super::neighbours;
use crate::cli::Context;
use crate::cli::check::{self, Tests};
use crate::cli::failure::Failure;
use crate::config::diagnostic::{Diagnostic, Report, Severity, Source};
use crate::import::{self, Api, Drafted, LeftOut};
use crate::simulate::case::Tried;
use crate::snapshot::{Inputs, Snapshot};

/// Operations that a draft can go without; where more are refused, something else is wrong.
const MAX_LEFT_OUT: usize = 100;

/// The wanted draft and its target file.
pub(in crate::cli::connector) struct Wanted<'a> {
    pub(in crate::cli::connector) api: &'a Api,
    pub(in crate::cli::connector) id: &'a str,
    pub(in crate::cli::connector) origin: &'a str,
    pub(in crate::cli::connector) out: Option<&'a Path>,
}

/// A draft that the gateway accepts.
pub(in crate::cli::connector) struct Accepted {
    pub(in crate::cli::connector) drafted: Drafted,
    /// Operations that it would have refused.
    pub(in crate::cli::connector) left_out: Vec<LeftOut>,
    pub(in crate::cli::connector) found: Tried,
}

/// Drafts a connector that loads and whose tests hold; without the operations for which it would not.
///
/// # Errors
/// What is wrong belongs to no operation, or to all of them.
pub(in crate::cli::connector) fn accepted(
    context: &Context,
    wanted: &Wanted<'_>,
) -> Result<Accepted, Failure> {
    let Wanted {
        api,
        id,
        origin,
        out,
    } = wanted;
    let name = out.map_or_else(|| format!("{id}.yaml"), |out| out.display().to_string());
    let mut left_out: Vec<LeftOut> = Vec::new();
    loop {
        let drafted = import::connector_without(api, id, origin, &left_out);
        let found = attempt(context, &name, &drafted.text);
        if !found.report.has_errors() {
            return Ok(Accepted {
                drafted,
                left_out,
                found,
            });
        }
        let culprits = culprits(&name, &drafted.text, &found.report);
        let fresh = culprits
            .iter()
            .any(|one| !left_out.iter().any(|known| known.action == one.action));
        let whole = culprits.is_empty() || drafted.routes == 0 || left_out.len() >= MAX_LEFT_OUT;
        if whole || !fresh {
            let refused = "the gateway would refuse what was drafted, so nothing is written";
            return Err(Failure::failed("draft", refused).because(found.report));
        }
        left_out.extend(culprits);
    }
}

/// Returns the actions in whose routes the errors are; none where one is in no route.
fn culprits(name: &str, text: &str, report: &Report) -> Vec<LeftOut> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines
        .iter()
        .position(|line| *line == "routes:")
        .unwrap_or(lines.len());
    let mut found: Vec<LeftOut> = Vec::new();
    let errors = report
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    for problem in errors {
        let place = problem
            .places
            .iter()
            .find(|place| *place.source.name == *name);
        let above = place.and_then(|place| lines.get(start..place.line));
        let mut routes = above.into_iter().flatten().rev();
        let Some(action) = routes.find_map(|line| line.strip_prefix("  - action: ")) else {
            return Vec::new();
        };
        if !found.iter().any(|known| known.action == action) {
            found.push(LeftOut {
                action: action.to_owned(),
                why: problem.message.clone(),
            });
        }
    }
    found
}

/// Loads a file as the gateway would, and runs its tests: among its neighbours where it lies in a directory of the configuration.
pub(in crate::cli::connector) fn attempt(context: &Context, name: &str, text: &str) -> Tried {
    let source = Source::new(name, text);
    let alone = Inputs {
        connectors: vec![source.clone()],
        ..Inputs::default()
    };
    let Some((before, after)) = neighbours::of(context, &source) else {
        return check::examine(context, &alone, &Tests::Connectors(None));
    };
    let ids = neighbours::id(&source).map(|id| vec![id]);
    let mut found = check::examine(context, &after, &Tests::Connectors(ids));
    let about_it = |problem: &Diagnostic| {
        problem
            .places
            .iter()
            .any(|place| place.source.name == source.name)
    };
    // Files that were broken before are not this file's fault.
    if found.report.has_errors() && Snapshot::compile(&before).1.has_errors() {
        found.report.diagnostics.retain(about_it);
    }
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    found
        .report
        .diagnostics
        .retain(|problem| is_error(problem) || about_it(problem));
    found
}
