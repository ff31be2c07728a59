//! Runs `connector suggest`: drafts routes for recorded requests that were `unknown`.

use serde_json::json;

use crate::admin::service::drafts::unmatched;
use crate::cli::Context;
use crate::cli::args::SuggestRoutes;
use crate::cli::audit::{directory, moment, newest};
use crate::cli::credential::find_connector;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::workspace::Workspace;
use crate::journal::{Kind, Query};
use crate::model::glob::Glob;
use crate::model::show::counted;
use crate::simulate::suggest::{Suggestion, Unknown, suggest};

/// Records that are looked at, the newest.
const MAX_RECORDS: usize = 20_000;

pub(super) async fn run(context: &Context, args: &SuggestRoutes) -> Outcome {
    let workspace = Workspace::load(context)?;
    let snapshot = workspace.snapshot(None)?;
    let id = match &args.id {
        Some(id) => find_connector(snapshot.catalog(), id)?.id(),
        None => "*",
    };
    let since = args
        .since
        .as_deref()
        .map(|text| moment(text, context.process.clock.utc()))
        .transpose()?;
    let query = Query {
        kinds: vec![Kind::Decided],
        action: Some(Glob::new(&format!("{id}.unknown"))),
        since,
        ..Query::default()
    };
    let lines = newest(&directory(context)?, query, MAX_RECORDS)?;
    let unknown: Vec<Unknown> = lines.iter().flat_map(unmatched).collect();
    let found = suggest(&snapshot, &unknown, args.limit);
    if context.output.is_json() {
        context.output.document(&json!({ "suggestions": found }))?;
    } else if found.is_empty() {
        context.output.note("no request in the journal is unknown");
    } else {
        found
            .iter()
            .try_for_each(|suggestion| print(context, suggestion))?;
    }
    Ok(Exit::Done)
}

fn print(context: &Context, suggestion: &Suggestion) -> Result<(), Failure> {
    let Suggestion {
        connector,
        routes,
        requests,
        left_out,
    } = suggestion;
    let mut head = format!(
        "# {connector}: {} for {requests} requests that no route was for. Agents chose these paths: look at each before you\n\
         # add it to the connector's file. Over an embedded one lies a file with `connector: {connector}` and `extends: {connector}`.",
        counted(routes.len() as u64, "routes"),
    );
    if *left_out > 0 {
        head.push_str(&format!("\n# {left_out} more requests are not covered."));
    }
    context.output.line(&head)?;
    if !routes.is_empty() {
        context.output.line("routes:")?;
    }
    routes
        .iter()
        .try_for_each(|route| context.output.raw(&route.text))
}
