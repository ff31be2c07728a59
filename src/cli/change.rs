//! What an operator changed, as an event in the journal: who, what, when; never a secret.

use serde_json::json;

use super::Context;
use crate::model::event::{Event, EventKind};
use crate::store::Store;

/// Writes the event. The change is made already and stands, so a failure is told and no more.
pub(super) async fn note_change(context: &Context, store: &Store, what: &str, subject: &str) {
    let id = ulid::Ulid::from_datetime(context.world.clock.now()).to_string();
    let time = context.world.clock.stamp();
    let operator = context.world.variable("USER").unwrap_or("local");
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
