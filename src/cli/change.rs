//! Notes what an operator changed (who, what, when; never a secret) for the gateway to record, and tells the running gateway.

use http::Method;
use serde_json::{Value as Json, json};

use super::Context;
use super::failure::Failure;
use super::gateway::Gateway;
use crate::store::{Store, UnrecordedChange};

/// Notes a change for the running gateway, or for the next one: only a gateway writes the journal. The change is already made, so a
/// failure is only reported.
pub(super) async fn note_change(context: &Context, store: &Store, what: &str, subject: &str) {
    let operator = context.process.variable("USER").unwrap_or("local");
    let change = UnrecordedChange {
        id: 0,
        time: context.process.clock.stamp(),
        operator: operator.to_owned(),
        what: what.to_owned(),
        subject: subject.to_owned(),
    };
    if let Err(error) = store.note_change(&change).await {
        context.output.note(&format!(
            "warning: the change will not be in the journal: {error}"
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
