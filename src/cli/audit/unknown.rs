//! Tells of names in a filter that nothing has now: a misspelt agent or connector finds no record.

use crate::admin::service::agents::AgentView;
use crate::admin::service::connectors::ConnectorView;
use crate::cli::Context;
use crate::cli::api::Api;
use crate::cli::args::Filter;
use crate::cli::failure::Failure;
use crate::cli::offline::Access;
use crate::config::suggest;
use crate::model::show::escape;

/// Notes the names that do not exist, where a filter has found nothing. What was removed since may still be in the journal.
pub(super) async fn tell(context: &Context, filter: &Filter) {
    if filter.agent.is_none() && filter.connector.is_none() {
        return;
    }
    // Without a gateway or files there is nothing to compare with.
    let Ok(api) = Api::find(context, Access::Read).await else {
        return;
    };
    if let Some(agent) = &filter.agent {
        let known: Result<Vec<AgentView>, Failure> = api.list("/api/v1/agents", "agents").await;
        let known = known.unwrap_or_default();
        let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
        note(context, ("agent", agent), &names);
    }
    if let Some(connector) = &filter.connector {
        let path = "/api/v1/connectors";
        let known: Result<Vec<ConnectorView>, Failure> = api.list(path, "connectors").await;
        let known = known.unwrap_or_default();
        let ids: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
        note(context, ("connector", connector), &ids);
    }
}

fn note(context: &Context, (what, name): (&str, &str), known: &[&str]) {
    if known.is_empty() || known.contains(&name) {
        return;
    }
    let close = suggest::closest(name, known.iter().copied());
    let meant = close.map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
    let name = escape(name);
    context
        .output
        .note(&format!("note: there is no {what} `{name}` now{meant}"));
}
