//! JSON-RPC 2.0: a body in, its messages out, each read by the plan of its routes in one pass.
//!
//! INVARIANT: every message of a batch is a part; a reply (no method, a result or an error) is one of its own kind.

use crate::connector::compile::paths::{Access, Key, PathId, Paths};
use crate::connector::model::operation::{Fact, Part, Quota};
use crate::connector::model::plan::Plan;
use crate::connector::read::json::tree::items;
use crate::connector::read::json::{Fields, Slot, UNREADABLE_BODY};
use crate::connector::read::reading::Unreadable;
use crate::connector::read::room::Room;
use crate::model::value::Value;

/// What is read of every message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope {
    id: PathId,
    method: PathId,
    result: PathId,
    error: PathId,
}

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    /// `None` for a reply.
    pub(crate) part: Option<Part>,
    /// `None` for a notification, which nobody answers.
    pub(crate) id: Option<Value>,
    pub(crate) fields: Fields,
}

impl Envelope {
    /// Enters what is read of every message among a connector's paths.
    pub(crate) fn new(paths: &mut Paths) -> Self {
        let mut key = |name: &str, access| paths.intern_keys(&[Key::Name(name.to_owned())], access);
        Self {
            id: key("id", Access::Value),
            method: key("method", Access::Value),
            result: key("result", Access::Presence),
            error: key("error", Access::Presence),
        }
    }

    /// Iterates over the paths.
    pub(crate) fn paths(self) -> impl Iterator<Item = PathId> {
        [self.id, self.method, self.result, self.error].into_iter()
    }

    /// Reads a body: one message, or a list of them.
    pub(crate) fn messages(
        self,
        bytes: &[u8],
        plan: &Plan,
        (parts, room): (&mut Quota, &mut Room<'_>),
    ) -> Result<Vec<Message>, Unreadable> {
        let all = items(bytes, parts.left())?.unwrap_or_else(|| vec![bytes]);
        if all.is_empty() || bytes.is_empty() {
            return Err(refuse("there is no JSON-RPC message"));
        }
        let mut messages = Vec::with_capacity(all.len());
        for bytes in all {
            parts.take()?;
            let fields = Fields::read(bytes, plan, room)?;
            let part = self.part(&fields)?;
            let id = fields.get(self.id).and_then(Slot::single).cloned();
            messages.push(Message { part, id, fields });
        }
        Ok(messages)
    }

    fn part(self, fields: &Fields) -> Result<Option<Part>, Unreadable> {
        let method = fields.get(self.method);
        if method.is_some_and(|slot| slot.misfit) {
            return Err(refuse(
                "a JSON-RPC message is no object, or its method is no text",
            ));
        }
        let there = |path| fields.get(path).is_some_and(|slot| slot.count > 0);
        let reply = there(self.result) || there(self.error);
        match (method.and_then(Slot::single), reply) {
            // Of at most `MAX_TEXT` bytes, once a message.
            (Some(Value::Text(method)), false) => Ok(Some(Part {
                name: method.to_string(),
                values: vec![(Fact::RpcMethod, Value::Text(method.clone()))],
            })),
            (None, true) => Ok(None),
            _ => Err(refuse("a JSON-RPC message is neither a call nor a reply")),
        }
    }
}

fn refuse(detail: &str) -> Unreadable {
    Unreadable {
        code: UNREADABLE_BODY,
        detail: detail.to_owned(),
    }
}
