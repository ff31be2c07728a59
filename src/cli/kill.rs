//! Runs `kill`: halts everything, a connector or an agent at once, or lifts a halt, through the running gateway or else in its
//! store.
//!
//! A running gateway that refuses is not bypassed: the store is written only where no gateway answers. The next one starts with
//! the halt, and others on the same store follow within 200 ms.

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::args::{KillCommand, KillScope};
use super::change::note_change;
use super::control::Control;
use super::failure::{Exit, Failure, Outcome};
use super::serve::first_start::open_or_make;
use super::table::Table;
use super::workspace::{StoreView, Workspace};
use crate::model::halt::{Halt, Scope};
use crate::model::show::escape;
use crate::store::Store;

pub(super) async fn run(context: &Context, command: KillCommand) -> Outcome {
    match command {
        KillCommand::On { scope, reason } => on(context, scope.scope(), reason).await,
        KillCommand::Off { scope } => off(context, scope.scope()).await,
        KillCommand::Status { scope } => {
            status(context, scope.is_given().then(|| scope.scope())).await
        }
    }
}

impl KillScope {
    fn scope(self) -> Scope {
        match (self.connector, self.agent) {
            (Some(connector), _) => Scope::Connector(connector),
            (None, Some(agent)) => Scope::Agent(agent),
            (None, None) => Scope::All,
        }
    }

    fn is_given(&self) -> bool {
        self.connector.is_some() || self.agent.is_some()
    }
}

async fn on(context: &Context, scope: Scope, reason: Option<String>) -> Outcome {
    let control = Control::find(context)?;
    let wish = json!({ "reason": reason });
    match control
        .gateway()
        .send(Method::PUT, &path(&scope), Some(&wish))
        .await
    {
        Ok(halt) => {
            told(context, &halt, &format!("{scope} is halted"))?;
            return Ok(Exit::Done);
        }
        Err(failure) if failure.is_unreached() => {}
        Err(failure) => return Err(failure),
    }
    let store = match control.workspace() {
        Ok(workspace) => open_or_make(context, workspace).await?,
        Err(_) => control.open_store().await?,
    };
    let view = StoreView::read(&store).await?;
    if !exists(context, &control, &view, &scope) {
        return Err(Failure::failed("not_found", format!("there is no {scope}")));
    }
    let halt = Halt {
        scope,
        since: context.process.clock.stamp(),
        by: context
            .process
            .variable("USER")
            .unwrap_or("local")
            .to_owned(),
        reason,
    };
    store.put_halt(&halt).await?;
    note_change(context, &store, "kill.on", &halt.scope.to_string()).await;
    let text = format!(
        "{} is halted in the store; no gateway answered, but one that runs on this store obeys within a moment",
        halt.scope
    );
    told(context, &json!(halt), &text)?;
    Ok(Exit::Done)
}

async fn off(context: &Context, scope: Scope) -> Outcome {
    let control = Control::find(context)?;
    let gateway = control.gateway();
    let lifted = match gateway.send(Method::DELETE, &path(&scope), None).await {
        Ok(answer) => answer,
        Err(failure) if failure.is_unreached() => {
            let store = control.open_store().await?;
            let lifted = lift_stored(context, &store, &scope).await?;
            json!({ "scope": scope.kind(), "name": scope.name(), "lifted": lifted })
        }
        Err(failure) => return Err(failure),
    };
    let was_halted = lifted.get("lifted").and_then(Json::as_bool) == Some(true);
    let text = if was_halted {
        format!("the halt of {scope} is lifted")
    } else {
        format!("{scope} was not halted")
    };
    told(context, &lifted, &text)?;
    Ok(Exit::Done)
}

async fn lift_stored(context: &Context, store: &Store, scope: &Scope) -> Result<bool, Failure> {
    let lifted = store.remove_halt(scope).await?;
    if lifted {
        note_change(context, store, "kill.off", &scope.to_string()).await;
    }
    Ok(lifted)
}

async fn status(context: &Context, scope: Option<Scope>) -> Outcome {
    let control = Control::find(context)?;
    let document = match control.gateway().get("/api/v1/kill-switch").await {
        Ok(document) => document,
        Err(failure) if failure.is_unreached() => {
            let store = control.open_store().await?;
            let mut halts = store.halts().await?;
            halts.sort_by(|one, other| one.scope.cmp(&other.scope));
            json!({ "halts": halts })
        }
        Err(failure) => return Err(failure),
    };
    let asked = |halt: &&Json| {
        scope.as_ref().is_none_or(|scope| {
            let is = |key: &str, wanted: &str| {
                halt.get(key).and_then(Json::as_str).unwrap_or_default() == wanted
            };
            is("scope", scope.kind()) && is("name", scope.name())
        })
    };
    let halts = document
        .get("halts")
        .and_then(Json::as_array)
        .map_or(&[][..], Vec::as_slice);
    let halts: Vec<&Json> = halts.iter().filter(asked).collect();
    if context.output.is_json() {
        context.output.document(&json!({ "halts": halts }))?;
        return Ok(Exit::Done);
    }
    if halts.is_empty() {
        context.output.line("nothing is halted")?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["SCOPE", "NAME", "SINCE", "BY", "REASON"]);
    for halt in halts {
        let text = |key: &str| halt.get(key).and_then(Json::as_str).unwrap_or_default();
        table.row([
            text("scope"),
            text("name"),
            text("since"),
            text("by"),
            text("reason"),
        ]);
    }
    table.print(&context.output)?;
    Ok(Exit::Done)
}

/// A misspelt name would look as if something were halted. What cannot be read keeps no halt back.
fn exists(context: &Context, control: &Control, view: &StoreView, scope: &Scope) -> bool {
    let unread = |_: Failure| {
        let note = "warning: the configuration cannot be read, so it is not known whether there is one of this name";
        context.output.note(note);
        true
    };
    let workspace = control.workspace();
    match scope {
        Scope::All => true,
        Scope::Connector(id) => workspace
            .and_then(Workspace::catalog)
            .map_or_else(unread, |catalog| catalog.get(id).is_some()),
        Scope::Agent(name) => {
            let is_stored = view.agents.iter().any(|agent| agent.name == *name);
            is_stored
                || workspace.map_or_else(unread, |workspace| {
                    let mut declared = workspace.declared_agents();
                    declared.any(|agent| agent.name.as_str() == name)
                })
        }
    }
}

fn path(scope: &Scope) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let name = utf8_percent_encode(scope.name(), NON_ALPHANUMERIC);
    match scope {
        Scope::All => "/api/v1/kill-switch/all".to_owned(),
        Scope::Connector(_) | Scope::Agent(_) => {
            format!("/api/v1/kill-switch/{}/{name}", scope.kind())
        }
    }
}

fn told(context: &Context, document: &Json, text: &str) -> Result<(), Failure> {
    if context.output.is_json() {
        context.output.document(document)
    } else {
        context.output.line(&escape(text))
    }
}
