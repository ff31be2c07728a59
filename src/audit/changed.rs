//! What an operator changed, or the gateway itself, in; the event that keeps it out. Never a secret.

use serde_json::{Map, Value as Json};

use crate::model::clock::Clock;
use crate::model::event::{Event, EventKind};

/// A change that is about to be kept.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// Who.
    pub operator: &'a str,
    /// What was done: `kill.on`, `approval.approve`.
    pub what: &'static str,
    /// To what, in words.
    pub subject: String,
    /// The agent that it is about; empty for none.
    pub agent: &'a str,
    /// The action that it is about; empty for none.
    pub action: &'a str,
    /// Anything else that is worth keeping.
    pub detail: Map<String, Json>,
}

impl Change<'_> {
    /// Makes the event.
    #[must_use]
    pub fn event(self, clock: &Clock) -> Event {
        let id = ulid::Ulid::from_datetime(clock.now()).to_string();
        let time = clock.stamp();
        let kind = EventKind::Changed;
        let mut body = self.detail;
        let fields = [
            ("id", id.as_str()),
            ("kind", kind.as_str()),
            ("time", &time),
            ("operator", self.operator),
            ("what", self.what),
            ("subject", &self.subject),
            ("agent", self.agent),
            ("action", self.action),
        ];
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
            body.insert(name.to_owned(), text.into());
        }
        body.insert("v".to_owned(), 1.into());
        Event {
            kind,
            request_id: String::new(),
            agent: self.agent.to_owned(),
            action: self.action.to_owned(),
            decision: String::new(),
            code: String::new(),
            body: Json::Object(body),
            id,
            time,
        }
    }
}
