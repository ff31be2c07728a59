//! Keeps what has been read of a JSON body, and why reading it was stopped.

use serde::de;

use crate::connector::model::plan::{Node, Plan};
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::{UNREADABLE_BODY, Unreadable};
use crate::model::show::brief;
use crate::model::target::{is_shared_key, same_key};
use crate::model::value::Value;

/// What one pass over a body has come to.
pub(crate) struct State<'p, 'n, 'm> {
    pub(crate) plan: &'p Plan,
    pub(crate) fields: Fields,
    room: &'n mut Room<'m>,
    pub(crate) depth: usize,
    /// No object has a key twice: a tree has been read as strictly before, and what is shared in it comes by many times.
    pub(crate) unique: bool,
    fault: Option<Unreadable>,
}

impl<'p, 'n, 'm> State<'p, 'n, 'm> {
    pub(crate) fn new(plan: &'p Plan, room: &'n mut Room<'m>) -> Self {
        Self {
            plan,
            fields: plan.nothing(),
            room,
            depth: 0,
            unique: false,
            fault: None,
        }
    }

    /// Returns whether the body is refused whatever else it holds.
    pub(crate) fn is_stopped(&self) -> bool {
        self.fault.is_some()
    }

    pub(crate) fn finish(
        self,
        outcome: Result<(), serde_json::Error>,
    ) -> Result<Fields, Unreadable> {
        match (self.fault, outcome) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(Unreadable {
                code: UNREADABLE_BODY,
                detail: not_json(&error),
            }),
            (None, Ok(())) => Ok(self.fields),
        }
    }

    pub(crate) fn stop<E: de::Error>(&mut self, detail: String) -> E {
        self.fault = Some(Unreadable {
            code: UNREADABLE_BODY,
            detail,
        });
        E::custom("refused")
    }

    #[inline]
    pub(crate) fn count<E: de::Error>(&mut self) -> Result<(), E> {
        let taken = self.room.node();
        taken.map_err(|fault| self.refuse(fault))
    }

    pub(crate) fn copy<E: de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        let taken = self.room.copy(bytes);
        taken.map_err(|fault| self.refuse(fault))
    }

    pub(crate) fn refuse<E: de::Error>(&mut self, fault: Unreadable) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    pub(crate) fn mark(&mut self, slots: &[usize], mark: impl Fn(&mut Slot)) {
        for slot in slots {
            if let Some((_, slot)) = self.fields.slots.get_mut(*slot) {
                mark(slot);
            }
        }
    }

    /// Takes a value, copied from so many bytes, into each of these slots.
    pub(crate) fn push<E: de::Error>(
        &mut self,
        slots: &[usize],
        value: impl Fn() -> Value,
        bytes: usize,
    ) -> Result<(), E> {
        for slot in slots {
            if let Some((_, slot)) = self.fields.slots.get_mut(*slot)
                && let Err(fault) = slot.push(&value, bytes, self.room)
            {
                return Err(self.refuse(fault));
            }
        }
        Ok(())
    }

    pub(crate) fn present<E: de::Error>(&mut self, node: &Node) -> Result<(), E> {
        self.push(&node.presence, || Value::Bool(true), 0)
    }

    /// Refuses a key that no path names, and that some server takes for one that a path does.
    #[inline]
    pub(crate) fn check_spelling<E: de::Error>(
        &mut self,
        key: &str,
        node: Option<&Node>,
    ) -> Result<(), E> {
        let read = node.map_or(&[][..], |node| &node.names);
        if read.is_empty() && self.plan.anywhere.is_empty() && key != "__proto__" {
            return Ok(());
        }
        self.check_against(key, read)
    }

    fn check_against<E: de::Error>(
        &mut self,
        key: &str,
        read: &[(Box<str>, Node)],
    ) -> Result<(), E> {
        let read = read.iter().map(|(name, _)| name);
        let anywhere = &self.plan.anywhere;
        let reads = read.len() > 0 || !anywhere.is_empty();
        if is_shared_key(key) && (reads || key == "__proto__") {
            return Err(self.stop(format!("the body has the key `{key}`; leave it out")));
        }
        // A NUL ends a key for servers written in C.
        let ended = reads && key.bytes().any(|byte| byte < b' ');
        if !ended && !read.chain(anywhere).any(|name| same_key(name, key)) {
            return Ok(());
        }
        let detail = format!(
            "the body has the key `{}`, spelled unlike the one that is read",
            brief(key)
        );
        Err(self.stop(detail))
    }
}

/// The parser's own words can quote the body, so only the position is kept.
fn not_json(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Eof => {
            format!("the body is not JSON: it ends early, at line {line}, column {column}")
        }
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Data
        | serde_json::error::Category::Io => {
            format!(
                "the body is not JSON, is nested too deeply or has bytes behind its end, at line {line}, column {column}"
            )
        }
    }
}
