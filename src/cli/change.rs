//! Notes what an operator changed (who, what, when; never a secret) for the gateway to record, and tells the running gateway.

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::failure::Failure;
use super::gateway::Gateway;
use crate::store::{Store, UnrecordedChange};

/// A change that a command makes in the store itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note<'n> {
    /// Kind of the change: `kill.on`, `agent.token.add`, …
    pub(super) what: &'n str,
    /// What was changed, in words.
    pub(super) subject: &'n str,
    /// The agent that it is about; empty for none.
    pub(super) agent: &'n str,
    /// What the user ran, as the record names it beside the user: `offline`, `run`.
    pub(super) via: &'n str,
}

/// Returns a store whose changes are recorded as this, in one transaction with each: only a gateway writes the journal, the running
/// one at once, else the next one at its start.
pub(super) fn recorded(context: &Context, store: &Store, note: Note<'_>) -> Store {
    store.recording(unrecorded(context, note))
}

/// Returns a change as the gateway records it.
pub(super) fn unrecorded(context: &Context, note: Note<'_>) -> UnrecordedChange {
    let user = rustix::process::getuid().as_raw();
    UnrecordedChange {
        time: context.process.clock.stamp(),
        operator: format!("uid {user}, {}", note.via),
        what: note.what.to_owned(),
        subject: note.subject.to_owned(),
        agent: note.agent.to_owned(),
        ..UnrecordedChange::default()
    }
}

/// Waits until the running gateway has loaded the change, or reports why it has not. Returns at once if no gateway runs.
pub(super) async fn settled(context: &Context, gateway: &Gateway, store: &Store) {
    if !gateway.is_there().await {
        return;
    }
    match settle(gateway, store).await {
        Ok(None) => {}
        Ok(Some(held_up)) => context.output.note(&format!("warning: {held_up}")),
        Err(failure) => context.output.note(&format!(
            "warning: it is not known whether the gateway has taken it over: {}",
            failure.to_text()
        )),
    }
}

/// Asks the gateway to take the store over as it is now; returns what keeps it from that.
async fn settle(gateway: &Gateway, store: &Store) -> Result<Option<String>, Failure> {
    let wanted = store.revision().await?;
    let wish = json!({ "revision": wanted });
    let answer = gateway
        .send(Method::POST, "/api/v1/sync", Some(&wish))
        .await?;
    let reached = answer.get("store_revision").and_then(Json::as_i64);
    if reached.is_none_or(|reached| reached < wanted) {
        return Ok(Some("the gateway has not taken it over yet".to_owned()));
    }
    let failed = answer.get("reload_failure").and_then(Json::as_str);
    Ok(failed.map(|_| {
        "the gateway cannot reload its files, so permissions of the store do not change either; `tollgate status` says why".to_owned()
    }))
}
