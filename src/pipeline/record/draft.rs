//! Draft: the columns and the fields of an event in, the event with its id and time out.

use serde_json::{Map, Value as Json};

use crate::model::event::{Event, EventKind};
use crate::pipeline::Gateway;

/// The columns of an event that is about to be made.
pub(super) struct Draft<'a> {
    pub(super) kind: EventKind,
    pub(super) request_id: &'a str,
    pub(super) agent: &'a str,
    pub(super) action: &'a str,
    pub(super) decision: &'a str,
    pub(super) code: &'a str,
}

impl Draft<'_> {
    pub(super) fn event(&self, gateway: &Gateway, mut body: Map<String, Json>) -> Event {
        let id = gateway.request_id();
        let time = gateway.dependencies.clock.stamp();
        body.insert("v".into(), 1.into());
        body.insert("id".into(), id.as_str().into());
        body.insert("kind".into(), self.kind.as_str().into());
        body.insert("time".into(), time.as_str().into());
        body.insert("request_id".into(), self.request_id.into());
        Event {
            id,
            kind: self.kind,
            time,
            request_id: self.request_id.to_owned(),
            agent: self.agent.to_owned(),
            action: self.action.to_owned(),
            decision: self.decision.to_owned(),
            code: self.code.to_owned(),
            body: Json::Object(body),
        }
    }
}
