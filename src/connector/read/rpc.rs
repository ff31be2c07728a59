//! Reads the messages of a JSON-RPC 2.0 body, each by the plan of its routes, in one pass.
//!
//! INVARIANT: every message of a batch is a part; a reply (no method, a result or an error) is one of its own kind.

mod mirrored;

use crate::connector::model::operation::Fact;
use crate::connector::model::plan::Plan;
use crate::connector::model::rpc::RpcEnvelope;
use crate::connector::read::json::tree::items;
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::operation::{Operation, Quota};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};
use crate::model::value::Value;

/// One JSON-RPC message of a body.
#[derive(Debug)]
pub(crate) struct Message {
    /// `None` for a reply.
    pub(crate) operation: Option<Operation>,
    /// `None` for a notification, which has no answer.
    pub(crate) id: Option<Value>,
    pub(crate) fields: Fields,
}

impl RpcEnvelope {
    /// Reads a body: one message, or a list of them.
    pub(crate) fn messages(
        self,
        bytes: &[u8],
        plan: &Plan,
        (operations, room): (&mut Quota, &mut Room<'_>),
    ) -> Result<Vec<Message>, Unreadable> {
        let all = items(bytes, operations.left())?.unwrap_or_else(|| vec![bytes]);
        if all.is_empty() || bytes.is_empty() {
            return Err(refuse("there is no JSON-RPC message"));
        }
        let mut messages = Vec::with_capacity(all.len());
        for bytes in all {
            operations.take()?;
            let fields = Fields::read(bytes, plan, room)?;
            let operation = self.operation(&fields)?;
            let id = fields.get(self.id).and_then(Slot::single).cloned();
            messages.push(Message {
                operation,
                id,
                fields,
            });
        }
        Ok(messages)
    }

    fn operation(self, fields: &Fields) -> Result<Option<Operation>, Unreadable> {
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
            (Some(Value::Text(method)), false) => Ok(Some(Operation {
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
