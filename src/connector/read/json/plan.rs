//! Follows the paths of a plan that need a tree, and says what an empty body holds.

use crate::connector::model::plan::{Plan, TreePath};
use crate::connector::read::json::follow::{Scalar, Walk as _, follow};
use crate::connector::read::json::tree::Tree;
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::room::Room;
use crate::connector::read::unreadable::Unreadable;
use crate::model::value::Value;

impl Plan {
    /// Returns what an empty body says.
    pub(crate) fn nothing(&self) -> Fields {
        Fields {
            slots: self.ids.iter().map(|id| (*id, Slot::default())).collect(),
            keys: Vec::new(),
            overrides_method: false,
        }
    }

    /// Follows the paths that need a tree; the bytes have passed the reader, which has counted their values.
    pub(crate) fn read_trees(
        &self,
        bytes: &[u8],
        fields: &mut Fields,
        room: &mut Room<'_>,
    ) -> Result<(), Unreadable> {
        if self.trees.is_empty() {
            return Ok(());
        }
        let left = std::mem::replace(&mut room.nodes, usize::MAX);
        let tree = Tree::read(bytes, room)?;
        room.nodes = left;
        for TreePath { slot, query } in &self.trees {
            let Some((_, slot)) = fields.slots.get_mut(*slot) else {
                continue;
            };
            let mut outcome = Ok(());
            follow(query, &tree, &mut |found| {
                let taken = match found.scalar() {
                    None => {
                        slot.misfit = true;
                        Ok(())
                    }
                    Some(scalar) => slot.take(scalar, room),
                };
                if outcome.is_ok() {
                    outcome = taken;
                }
            });
            outcome?;
        }
        Ok(())
    }
}

impl Slot {
    fn take(&mut self, scalar: Scalar<'_>, room: &mut Room<'_>) -> Result<(), Unreadable> {
        match scalar {
            Scalar::Null => Ok(()),
            Scalar::Bool(truth) => self.push(|| Value::Bool(truth), 0, room),
            Scalar::Int(number) => self.push(|| Value::Int(number), 0, room),
            Scalar::Number(number) => self.push(|| Value::Number(number), 0, room),
            Scalar::Text(text) => self.push(|| Value::text(text), text.len(), room),
        }
    }
}
