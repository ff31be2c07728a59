//! Runs `kill`: halts everything, a connector or an agent at once, or lifts a halt, through the running gateway or else in its
//! store.
//!
//! A running gateway that refuses is not bypassed: the store is written only where no gateway answers. The next one starts with
//! the halt, and others on the same store follow within 200 ms.

use std::fs::File;

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::args::{KillCommand, KillScope};
use super::change::{Note, recorded};
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
    let wish = json!({ "reason": reason });
    if let Some(halt) = asked(context, Method::PUT, (&path(&scope), Some(&wish))).await? {
        told(context, &halt, &format!("{scope} is halted"))?;
        return Ok(Exit::Done);
    }
    let control = Control::find(context)?;
    let store = match control.workspace() {
        Ok(workspace) => open_or_make(context, workspace).await?,
        Err(_) => control.open_store().await?,
    };
    let _claim = claimed(context, &control)?;
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
    let store = recorded(
        context,
        &store,
        note("kill.on", &halt.scope, &halt.scope.to_string()),
    );
    store.put_halt(&halt).await?;
    let text = format!(
        "{} is halted in the store; no gateway answered, but one that runs on this store obeys within a moment",
        halt.scope
    );
    told(context, &json!(halt), &text)?;
    Ok(Exit::Done)
}

async fn off(context: &Context, scope: Scope) -> Outcome {
    let answer = asked(context, Method::DELETE, (&path(&scope), None)).await?;
    let lifted = match answer {
        Some(answer) => answer,
        None => {
            let control = Control::find(context)?;
            let store = control.open_store().await?;
            let _claim = claimed(context, &control)?;
            let lifted = lift_stored(context, &store, &scope).await?;
            json!({ "scope": scope.kind(), "name": scope.name(), "lifted": lifted })
        }
    };
    let was_halted = lifted.get("lifted").and_then(Json::as_bool) == Some(true);
    let text = if was_halted {
        format!("the halt of {scope} is lifted")
    } else {
        format!("{scope} was not halted")
    };
    told(context, &lifted, &text)?;
    if !context.output.is_json() {
        tell_what_stays(context).await;
    }
    Ok(Exit::Done)
}

/// Says what is halted still: one halt may lie within another.
async fn tell_what_stays(context: &Context) {
    let Ok(document) = halts(context).await else {
        return;
    };
    let left = document.get("halts").and_then(Json::as_array);
    let name = |halt: &Json| {
        let text = |key: &str| halt.get(key).and_then(Json::as_str).unwrap_or_default();
        match text("scope") {
            "all" => "everything".to_owned(),
            kind => format!("{kind} {}", text("name")),
        }
    };
    let left: Vec<String> = left.into_iter().flatten().map(name).collect();
    if !left.is_empty() {
        let left = left.join(", ");
        context
            .output
            .note(&format!("still halted: {}", escape(&left)));
    }
}

async fn lift_stored(context: &Context, store: &Store, scope: &Scope) -> Result<bool, Failure> {
    let store = recorded(context, store, note("kill.off", scope, &scope.to_string()));
    Ok(store.remove_halt(scope).await?)
}

async fn status(context: &Context, scope: Option<Scope>) -> Outcome {
    let document = halts(context).await?;
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

/// Returns the halts of the gateway, or of the store where none answers.
async fn halts(context: &Context) -> Result<Json, Failure> {
    if let Some(document) = asked(context, Method::GET, ("/api/v1/kill-switch", None)).await? {
        return Ok(document);
    }
    let store = Control::find(context)?.open_store().await?;
    let mut halts = store.halts().await?;
    halts.sort_by(|one, other| one.scope.cmp(&other.scope));
    Ok(json!({ "halts": halts }))
}

/// Asks the gateway; `None` where none answers on this machine, or none is to be asked.
async fn asked(
    context: &Context,
    method: Method,
    (path, body): (&str, Option<&Json>),
) -> Result<Option<Json>, Failure> {
    if context.offline {
        return Ok(None);
    }
    match Control::client(context)?.send(method, path, body).await {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.is_unreached() && context.server.is_none() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Keeps a gateway from starting meanwhile. One that holds the state directory and does not answer must still be halted: it
/// follows the store.
fn claimed(context: &Context, control: &Control) -> Result<Option<File>, Failure> {
    let claim = control.state().claim().ok().flatten();
    if context.offline && claim.is_none() && control.state().admin_socket().exists() {
        let detail = "a gateway runs on the state directory";
        let failure = Failure::failed("gateway_runs", detail);
        return Err(failure.help("leave out `--offline`: it takes effect at once"));
    }
    Ok(claim)
}

fn note<'n>(what: &'n str, scope: &'n Scope, subject: &'n str) -> Note<'n> {
    Note {
        what,
        subject,
        agent: match scope {
            Scope::Agent(name) => name,
            Scope::All | Scope::Connector(_) => "",
        },
        via: "offline",
    }
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
