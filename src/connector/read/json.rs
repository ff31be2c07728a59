//! Reads from a JSON body what the routes ask for, in one pass and without a tree.
//!
//! INVARIANT: what two parsers could read differently is refused: duplicate keys, keys that some server takes for a read one,
//! integers outside `i64`, wrong containers under a read path, trailing bytes.

pub(crate) mod follow;
pub(crate) mod keys;
pub(crate) mod plan;
pub(crate) mod reader;
mod text;
pub(crate) mod tree;

use crate::connector::model::body_path::PathId;
use crate::connector::model::plan::Plan;
use crate::connector::read::json::tree::Tree;
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::value::{MAX_LIST, MAX_TEXT, Value};

/// What a body says under the paths of a plan.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) slots: Vec<(PathId, Slot)>,
    /// Keys of the outermost object, where the plan asks for them.
    pub(crate) keys: Vec<String>,
    /// One of those keys may override the method; known although they are not kept.
    pub(crate) overrides_method: bool,
}

/// What was found under one path.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// In the order of the body, at most one over [`MAX_LIST`].
    pub(crate) values: Vec<Value>,
    /// How many there were.
    pub(crate) count: usize,
    /// The list that the path walks over was there, even if it was empty.
    pub(crate) reached: bool,
    /// A value of a kind that the path cannot pass or end at.
    pub(crate) misfit: bool,
}

impl Slot {
    /// Returns the one value; `None` where there is none, or several.
    pub(crate) fn single(&self) -> Option<&Value> {
        match (self.count, self.values.as_slice()) {
            (1, [value]) => Some(value),
            _ => None,
        }
    }

    /// Takes one more value; `text` is what it has to be copied from.
    pub(crate) fn push(
        &mut self,
        value: impl FnOnce() -> Value,
        text: usize,
        room: &mut Room<'_>,
    ) -> Result<(), Unreadable> {
        self.count += 1;
        if self.values.len() <= MAX_LIST {
            // An over-long text is not copied.
            let text = if text > MAX_TEXT { 0 } else { text };
            room.copy(text + size_of::<Value>())?;
            self.values.push(value());
        }
        Ok(())
    }
}

impl Fields {
    /// Reads a body, taking its values and copies from `room`; an empty one has no fields.
    pub(crate) fn read(bytes: &[u8], plan: &Plan, room: &mut Room<'_>) -> Result<Self, Unreadable> {
        if bytes.is_empty() {
            return Ok(plan.nothing());
        }
        let mut fields = reader::read(bytes, plan, room)?;
        plan.read_trees(bytes, &mut fields, room)?;
        Ok(fields)
    }

    /// Reads a tree that was made from what a request says; only paths of plain steps are followed.
    pub(crate) fn of_tree(
        tree: &Tree<'_>,
        plan: &Plan,
        room: &mut Room<'_>,
    ) -> Result<Self, Unreadable> {
        reader::read_tree(tree, plan, room)
    }

    /// Returns what was found under a path; `None` where the plan does not have it.
    pub(crate) fn get(&self, path: PathId) -> Option<&Slot> {
        self.slots
            .iter()
            .find(|(known, _)| *known == path)
            .map(|(_, slot)| slot)
    }
}
