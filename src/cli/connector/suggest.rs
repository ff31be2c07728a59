//! Runs `connector suggest`: drafts routes for recorded requests that were `unknown`.

use serde_json::{Value as Json, json};

use super::super::Context;
use super::super::args::SuggestRoutes;
use super::super::audit::moment;
use super::super::credential::find_connector;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::workspace::Workspace;
use crate::model::event::EventKind;
use crate::model::show::counted;
use crate::simulate::suggest::{Suggestion, Unknown, suggest};
use crate::store::{EventFilter, EventOrder};

/// Events that are looked at, the newest.
const MAX_EVENTS: u32 = 20_000;

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
    let filter = EventFilter {
        kind: Some(EventKind::Decided),
        action: Some(format!("{id}.unknown")),
        since,
        limit: Some(MAX_EVENTS),
        order: EventOrder::NewestFirst,
        ..EventFilter::default()
    };
    let events = workspace.open_store().await?.events(&filter).await?;
    let unknown: Vec<Unknown> = events
        .iter()
        .flat_map(|event| requests(&event.body))
        .collect();
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

/// Reads the unknown parts of one record, which hold an agent's text.
fn requests(body: &str) -> Vec<Unknown> {
    let Ok(event) = serde_json::from_str::<Json>(body) else {
        return Vec::new();
    };
    let text = |key: &str| event.get(key).and_then(Json::as_str).map(str::to_owned);
    let (Some(method), Some(host), Some(path)) = (text("method"), text("host"), text("path"))
    else {
        return Vec::new();
    };
    let actions = event.get("actions").and_then(Json::as_array);
    let unknown = actions.into_iter().flatten().filter(|action| {
        action
            .get("name")
            .and_then(Json::as_str)
            .is_some_and(|name| name.ends_with(".unknown"))
    });
    let parts = unknown.map(|action| {
        action
            .pointer("/params/part")
            .and_then(Json::as_str)
            .map(str::to_owned)
    });
    parts
        .map(|part| Unknown {
            method: method.clone(),
            host: host.clone(),
            path: path.clone(),
            part,
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
