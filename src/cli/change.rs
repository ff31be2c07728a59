//! Records what an operator changed (who, what, when; never a secret) and tells the running gateway.

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::failure::Failure;
use super::gateway::Gateway;
use crate::model::event::{Event, EventKind};
use crate::store::Store;

/// Records a change. The change is already made, so a failure is only reported.
pub(super) async fn note_change(context: &Context, store: &Store, what: &str, subject: &str) {
    let id = ulid::Ulid::from_datetime(context.process.clock.now()).to_string();
    let time = context.process.clock.stamp();
    let operator = context.process.variable("USER").unwrap_or("local");
    // Keys in canonical order: this row does not pass through the journal's writer.
    let body = json!({
        "id": id, "kind": "changed", "operator": operator, "subject": subject, "time": time, "v": 1, "what": what,
    });
    let event = Event {
        id,
        kind: EventKind::Changed,
        time,
        request_id: String::new(),
        agent: String::new(),
        action: String::new(),
        decision: String::new(),
        code: String::new(),
        body,
    };
    if let Err(error) = store.append(&[event]).await {
        context.output.note(&format!(
            "warning: the change is not in the journal: {error}"
        ));
    }
}

/// Waits until the running gateway has loaded the change, or reports why it has not. Returns at once if no gateway runs.
pub(super) async fn settled(context: &Context, gateway: &Gateway, store: &Store) {
    match settle(gateway, store).await {
        Ok(None) => {}
        Ok(Some(held_up)) => context.output.note(&format!("warning: {held_up}")),
        Err(failure) if failure.is_unreached() => {}
        Err(failure) => context.output.note(&format!(
            "warning: it is not known whether the gateway has taken it over: {}",
            failure.to_text()
        )),
    }
}

/// Asks the gateway to take the store over as it is now; returns what keeps it from that.
pub(super) async fn settle(gateway: &Gateway, store: &Store) -> Result<Option<String>, Failure> {
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
