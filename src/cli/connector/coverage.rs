//! Runs `connector coverage`: tells which operations of a description a connector names.

use std::collections::BTreeMap;

use super::import::source;
use crate::cli::Context;
use crate::cli::args::CoverConnector;
use crate::cli::credential::find_connector;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::workspace::Workspace;
use crate::import::{self, Format};
use crate::model::show::{counted, escape};
use crate::simulate::coverage::{Coverage, Covered, Status, Unrelated, coverage};

/// Shared actions that are shown; the rest is counted.
const SHOWN: usize = 20;

pub(super) fn run(context: &Context, args: &CoverConnector) -> Outcome {
    if args.min.is_some_and(|min| !(0.0..=100.0).contains(&min)) {
        return Err(Failure::usage(
            "`--min` is a share in percent, from 0 to 100",
        ));
    }
    let source = source(context, &args.operations)?;
    let mut api = import::read(Format::of(&source), &source).map_err(|report| {
        Failure::failed("description", "the operations cannot be read").because(report)
    })?;
    if let Some(url) = &args.server {
        api.at(url)
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    let snapshot = Workspace::load(context)?.snapshot(None)?;
    let mut all: Option<Coverage> = None;
    for id in &args.ids {
        let connector = find_connector(snapshot.catalog(), id)?;
        let found = coverage(&snapshot, connector, &api);
        let found = found.map_err(|why| unrelated(connector.id(), &why))?;
        all = Some(match all {
            Some(before) => before.join(found),
            None => found,
        });
    }
    let Some(found) = all else {
        return Err(Failure::usage("name a connector"));
    };
    if context.output.is_json() {
        context.output.document(&found)?;
    } else {
        print(context, &found)?;
    }
    let short = args.min.is_some_and(|min| found.percent < min);
    Ok(if short { Exit::Problems } else { Exit::Done })
}

/// Says why there is nothing to count.
fn unrelated(id: &str, why: &Unrelated) -> Failure {
    match why {
        Unrelated::NoDomains => Failure::failed(
            "coverage",
            format!("the connector `{id}` has no domains, so it covers no request"),
        )
        .help("list its hosts under `domains`"),
        Unrelated::Elsewhere { said, own } => Failure::failed(
            "coverage",
            format!(
                "the description is about `{}`, and `{id}` is for `{}`: it covers 0 %",
                escape(said),
                escape(own)
            ),
        )
        .help("`--server` says that the description's API is at another URL"),
    }
}

fn print(context: &Context, found: &Coverage) -> Result<(), Failure> {
    let of = |status| {
        found
            .operations
            .iter()
            .filter(move |operation| operation.status == status)
    };
    for operation in of(Status::Unknown) {
        context
            .output
            .line(&format!("unknown  {}", shown(operation)))?;
    }
    let mut groups: BTreeMap<&str, Vec<&Covered>> = BTreeMap::new();
    for operation in of(Status::Shared) {
        groups
            .entry(operation.actions.first().map_or("", String::as_str))
            .or_default()
            .push(operation);
    }
    for (action, operations) in groups.iter().take(SHOWN) {
        context.output.line(&format!("shared   {action}"))?;
        for operation in operations {
            context
                .output
                .line(&format!("           {}", shown(operation)))?;
        }
    }
    if let Some(rest) = groups.len().checked_sub(SHOWN).filter(|rest| *rest > 0) {
        context
            .output
            .line(&format!("shared   {rest} more actions; `--json` has all"))?;
    }
    context.output.line(&format!(
        "{}: {} % of {} ({} named, {} shared by {} actions, {} unknown)",
        found.connector,
        found.percent,
        counted(found.operations.len() as u64, "operations"),
        found.named,
        found.shared,
        groups.len(),
        found.unknown
    ))
}

fn shown(operation: &Covered) -> String {
    let id = operation
        .id
        .as_deref()
        .map_or_else(String::new, |id| format!("  {id}"));
    escape(&format!("{} {}{id}", operation.method, operation.path)).into_owned()
}
