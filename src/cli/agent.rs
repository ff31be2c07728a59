//! Runs `agent`: adds agents with a token that is shown once, lists and removes them, and manages their tokens.

mod token;

pub(super) use token::term;

use std::collections::BTreeMap;

use serde_json::json;

use super::Context;
use super::api::{Api, Call, segment};
use super::args::{AddAgent, AgentCommand};
use super::failure::{Exit, Failure, Outcome};
use super::offline::Access;
use super::table::Table;
use super::workspace::Workspace;
use crate::admin::service::agents::{AddedAgent, AgentView, Labels, NewAgent};
use crate::admin::service::removal::Removed;
use crate::model::agent::AgentName;
use crate::model::show::escape;
use crate::store::Store;

pub(super) async fn run(context: &Context, command: AgentCommand) -> Outcome {
    match command {
        AgentCommand::Add(args) => add(context, args).await,
        AgentCommand::List => list(context).await,
        AgentCommand::Label { name, labels } => label(context, &name, &labels).await,
        AgentCommand::Remove { name, cascade } => remove(context, &name, cascade).await,
        AgentCommand::Token(command) => token::run(context, command).await,
    }
}

async fn add(context: &Context, args: AddAgent) -> Outcome {
    let name = AgentName::parse(&args.name).map_err(|error| Failure::usage(error.to_string()))?;
    let new = NewAgent {
        name: name.to_string(),
        labels: labels(&args.labels)?,
        expires_in: token::term(args.expires.as_deref())?,
    };
    let api = Api::find(context, Access::Write).await?;
    let added: AddedAgent = api.post("/api/v1/agents", &new).await?;
    context.output.warn_all(&added.warnings);
    if context.output.is_json() {
        context.output.document(&added)?;
        return Ok(Exit::Done);
    }
    context.output.line(added.token.text())?;
    context.output.note(&format!(
        "agent `{name}` may ask. Its token is above and is shown only this once."
    ));
    for rule in &added.revived {
        let rule = escape(rule);
        context
            .output
            .note(&format!("this names it and takes effect now: {rule}"));
    }
    Ok(Exit::Done)
}

/// Refuses an agent that neither the configuration declares nor the store holds.
pub(super) async fn check_known(
    workspace: &Workspace,
    store: &Store,
    name: &AgentName,
) -> Result<(), Failure> {
    let mut declared = workspace.declared_agents();
    if declared.any(|agent| agent.name == *name) {
        return Ok(());
    }
    let stored = store.agents().await?;
    if stored.iter().any(|agent| agent.name == name.as_str()) {
        return Ok(());
    }
    Err(unknown(name))
}

pub(super) fn unknown(name: &AgentName) -> Failure {
    Failure::failed("unknown_agent", format!("there is no agent `{name}`")).help(format!(
        "list them: `tollgate agent list`; make it: `tollgate agent add {name}`"
    ))
}

async fn list(context: &Context) -> Outcome {
    let api = Api::find(context, Access::Read).await?;
    let agents: Vec<AgentView> = api.list("/api/v1/agents", "agents").await?;
    if context.output.is_json() {
        context.output.document(&json!({ "agents": agents }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "LABELS", "TOKENS", "FROM", "CREATED"]);
    for agent in &agents {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        table.row([
            &agent.name,
            &agent.labels.iter().map(pair).collect::<Vec<_>>().join(","),
            &agent.tokens.to_string(),
            &agent.from,
            agent.created_at.as_deref().unwrap_or_default(),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn label(context: &Context, name: &str, written: &[String]) -> Outcome {
    let labels = Labels {
        labels: labels(written)?,
    };
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/agents/{}", segment(name));
    let call = Call::new(http::Method::PATCH, path).body(&labels);
    let agent: AgentView = api.call(call).await?;
    context.output.warn_all(&agent.warnings);
    if context.output.is_json() {
        context.output.document(&agent)?;
    } else {
        let pair = |(name, value): (&String, &String)| format!("{name}={value}");
        let labels: Vec<String> = agent.labels.iter().map(pair).collect();
        let labels = match labels.as_slice() {
            [] => "no labels".to_owned(),
            labels => labels.join(", "),
        };
        let text = format!("agent `{name}` has {labels}");
        context.output.line(&escape(&text))?;
    }
    Ok(Exit::Done)
}

async fn remove(context: &Context, name: &str, cascade: bool) -> Outcome {
    let api = Api::find(context, Access::Write).await?;
    let path = format!("/api/v1/agents/{}?cascade={cascade}", segment(name));
    let removed: Removed = api.delete(path).await?;
    context.output.warn_all(&removed.warnings);
    if context.output.is_json() {
        // The effect is of a preview.
        let shown = Removed {
            effect: None,
            revision: None,
            ..removed
        };
        context.output.document(&shown)?;
    } else {
        let what = format!("agent `{}`", escape(name));
        context
            .output
            .line(&format!("{what} is removed; its tokens are void"))?;
        for rule in &removed.rules {
            context
                .output
                .line(&format!("  no longer there for it: {}", escape(rule)))?;
        }
    }
    Ok(Exit::Done)
}

fn labels(written: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut labels = BTreeMap::new();
    for label in written {
        let (key, value) = label
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| {
                Failure::usage(format!(
                    "`{}` is not a label: it is KEY=VALUE",
                    escape(label)
                ))
            })?;
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::usage(format!(
                "label `{}` is given twice",
                escape(key)
            )));
        }
    }
    Ok(labels)
}
