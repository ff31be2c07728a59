//! Runs `agent`: adds agents with a token that is shown once, lists and removes them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::Context;
use super::args::{AddAgent, AgentCommand};
use super::change::{note_change, settled};
use super::failure::{Exit, Failure, Outcome};
use super::references::{Named, References};
use super::serve::first_start;
use super::table::Table;
use super::workspace::Workspace;
use crate::model::agent::{Agent, AgentName};
use crate::model::show::escape;
use crate::roster::{Token, TokenKind};
use crate::store::{Store, StoreError, StoredAgent, StoredToken};

pub(super) async fn run(context: &Context, command: AgentCommand) -> Outcome {
    match command {
        AgentCommand::Add(args) => add(context, args).await,
        AgentCommand::List => list(context).await,
        AgentCommand::Remove { name, cascade } => remove(context, &name, cascade).await,
    }
}

async fn add(context: &Context, args: AddAgent) -> Outcome {
    let name = AgentName::parse(&args.name).map_err(|error| Failure::usage(error.to_string()))?;
    let labels = labels(&args.labels)?;
    let workspace = Workspace::load(context)?;
    if workspace.declared_agents().any(|agent| agent.name == name) {
        return Err(Failure::failed(
            "exists",
            format!("agent `{name}` is declared in the configuration already"),
        ));
    }
    let store = first_start::open_or_make(context, &workspace).await?;
    let token = Token::generate(TokenKind::Agent, &mut rand::rng());
    let created_at = context.process.clock.stamp();
    let permissions = store.permissions().await?;
    let revived = References::find(
        context,
        &workspace,
        &permissions,
        Named::Agent(name.as_str()),
    );
    let agent = StoredAgent {
        name: name.to_string(),
        labels,
        tokens: vec![StoredToken {
            hash: token.hash().0,
            expires_at: None,
        }],
        created_at,
    };
    store.add_agent(&agent).await.map_err(|error| match error {
        StoreError::Exists { .. } => {
            Failure::failed("exists", format!("there is an agent `{name}` already"))
        }
        other => Failure::from(other),
    })?;
    note_change(context, &store, "agent.add", name.as_str()).await;
    settled(context, &workspace.gateway(), &store).await;
    let mut document = json!({ "name": name, "labels": agent.labels, "created_at": agent.created_at, "token": token.reveal() });
    let revived = revived.lines();
    if let (Some(fields), false) = (document.as_object_mut(), revived.is_empty()) {
        fields.insert("revived".to_owned(), json!(revived));
    }
    if context.output.is_json() {
        context.output.document(&document)?;
        return Ok(Exit::Done);
    }
    context.output.line(token.reveal())?;
    context.output.note(&format!(
        "agent `{name}` may ask. Its token is above and is shown only this once."
    ));
    for rule in revived {
        let rule = escape(&rule);
        context
            .output
            .note(&format!("this names it and takes effect now: {rule}"));
    }
    Ok(Exit::Done)
}

/// Adds a token to an agent. One that the configuration declares gets a row in the store for it; its labels stay those declared.
pub(super) async fn give_token(
    context: &Context,
    workspace: &Workspace,
    store: &Store,
    (name, token): (&AgentName, &StoredToken),
) -> Result<(), Failure> {
    let now = context.process.clock.now();
    let mut added = store.add_token(name.as_str(), token, now).await;
    if let (Err(StoreError::NotFound { .. }), Some(declared)) = (
        &added,
        workspace
            .declared_agents()
            .find(|agent| agent.name == *name),
    ) {
        let row = StoredAgent {
            name: name.to_string(),
            labels: declared.labels.clone(),
            tokens: Vec::new(),
            created_at: context.process.clock.stamp(),
        };
        match store.add_agent(&row).await {
            // Another `run` was faster.
            Ok(()) | Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(Failure::from(error)),
        }
        added = store.add_token(name.as_str(), token, now).await;
    }
    added.map_err(|error| match error {
        StoreError::NotFound { .. } => unknown(name),
        other => Failure::from(other),
    })
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

fn unknown(name: &AgentName) -> Failure {
    Failure::failed("unknown_agent", format!("there is no agent `{name}`")).help(format!(
        "list them: `tollgate agent list`; make it: `tollgate agent add {name}`"
    ))
}

async fn list(context: &Context) -> Outcome {
    let workspace = Workspace::load(context)?;
    let store = workspace.open_store().await?;
    let stored = store.agents().await?;
    let now = context.process.clock.utc().unix_timestamp();
    let living = |name: &str| {
        let tokens = stored
            .iter()
            .filter(|agent| agent.name == name)
            .flat_map(|agent| &agent.tokens);
        tokens
            .filter(|token| token.expires_at.is_none_or(|end| end > now))
            .count()
    };
    let declared = &workspace.config().agents;
    let is_declared = |name: &str| {
        declared
            .iter()
            .any(|known| known.agent.name.as_str() == name)
    };
    let mut agents: Vec<Json> = declared
        .iter()
        .map(|known| {
            let Agent { name, labels } = &known.agent;
            let tokens = living(name.as_str()) + usize::from(known.names_token);
            json!({ "name": name, "labels": labels, "from": "configuration", "tokens": tokens, "created_at": null })
        })
        .collect();
    agents.extend(stored.iter().filter(|agent| !is_declared(&agent.name)).map(|agent| {
        let tokens = living(&agent.name);
        json!({
            "name": agent.name, "labels": agent.labels, "from": "store", "tokens": tokens, "created_at": agent.created_at,
        })
    }));
    if context.output.is_json() {
        context.output.document(&json!({ "agents": agents }))?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["NAME", "LABELS", "TOKENS", "FROM", "CREATED"]);
    for agent in &agents {
        let text = |key: &str| agent.get(key).and_then(Json::as_str).unwrap_or_default();
        let labels = agent.get("labels").and_then(Json::as_object).map(|labels| {
            let pair = |(name, value): (&String, &Json)| {
                format!("{name}={}", value.as_str().unwrap_or_default())
            };
            labels.iter().map(pair).collect::<Vec<_>>().join(",")
        });
        let tokens = agent.get("tokens").map(Json::to_string).unwrap_or_default();
        table.row([
            text("name"),
            &labels.unwrap_or_default(),
            &tokens,
            text("from"),
            text("created_at"),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

async fn remove(context: &Context, name: &str, cascade: bool) -> Outcome {
    let workspace = Workspace::load(context)?;
    if workspace
        .declared_agents()
        .any(|agent| agent.name.as_str() == name)
    {
        return Err(Failure::failed(
            "declared",
            format!("agent `{name}` is declared in the configuration; remove it there"),
        ));
    }
    let store = workspace.open_store().await?;
    let permissions = store.permissions().await?;
    let named = Named::Agent(name);
    let rules = References::find(context, &workspace, &permissions, named);
    let what = format!("agent `{}`", escape(name));
    let with = rules.cascade(&what, named, cascade, &permissions)?;
    store
        .remove_agent_with(name, &with)
        .await
        .map_err(|error| match error {
            StoreError::NotFound { .. } => Failure::failed(
                "unknown_agent",
                format!("there is no agent `{}`", escape(name)),
            ),
            other => Failure::from(other),
        })?;
    note_change(context, &store, "agent.remove", name).await;
    settled(context, &workspace.gateway(), &store).await;
    if context.output.is_json() {
        context
            .output
            .document(&json!({ "name": name, "removed": true }))?;
    } else {
        context
            .output
            .line(&format!("{what} is removed; its tokens are void"))?;
        for rule in rules.lines() {
            context
                .output
                .line(&format!("  no longer there for it: {}", escape(&rule)))?;
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
