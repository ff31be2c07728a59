//! Runs `connector suggest`: drafts routes for recorded requests that were `unknown`.

use serde_json::{Value as Json, json};

use super::super::Context;
use super::super::args::SuggestRoutes;
use super::super::audit::{directory, moment, newest};
use super::super::credential::find_connector;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::workspace::Workspace;
use crate::journal::{Kind, Line, Query};
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
    let unknown: Vec<Unknown> = lines.iter().flat_map(requests).collect();
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

/// Reads the unknown parts of one record; what it holds is an agent's.
fn requests(line: &Line) -> Vec<Unknown> {
    let Some(decided) = line.decided() else {
        return Vec::new();
    };
    let (Some(host), Some(path)) = (decided.host.as_str(), decided.path.as_str()) else {
        return Vec::new();
    };
    let actions = decided.actions().into_iter();
    let unknown = actions.filter(|action| action.name.ends_with(".unknown"));
    unknown
        .map(|action| Unknown {
            method: decided.method.to_string(),
            host: host.to_owned(),
            path: path.to_owned(),
            part: action
                .params
                .get("part")
                .and_then(Json::as_str)
                .map(str::to_owned),
        })
        .collect()
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
