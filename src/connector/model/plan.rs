//! Reading plans: the paths that a request's routes read, joined into one tree that the reader walks along with the body.

use crate::connector::compile::paths::{Access, PathId, Paths, Route, Step};
use crate::connector::read::json::follow::{Scalar, Walk, follow};
use crate::connector::read::json::tree::Tree as Json;
use crate::connector::read::json::{Fields, Slot};
use crate::connector::read::reading::Unreadable;
use crate::connector::read::room::Room;
use crate::model::value::Value;

/// The paths of one reading.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    pub(crate) ids: Vec<PathId>,
    /// Whether the keys of the outermost object are kept.
    pub(crate) keep_keys: bool,
    /// Keys that tree paths name: their other spellings are refused anywhere.
    pub(crate) anywhere: Vec<Box<str>>,
    pub(crate) trees: Vec<Tree>,
}

/// A path that is followed on a tree.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) slot: usize,
    pub(crate) query: jsonpath_rust::parser::model::JpQuery,
}

/// What is read at one place of a body. Numbers are slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    pub(crate) names: Vec<(Box<str>, Self)>,
    pub(crate) indices: Vec<(usize, Self)>,
    pub(crate) items: Option<Box<Self>>,
    /// Paths whose value is here.
    pub(crate) values: Vec<usize>,
    /// Paths that ask whether anything is here.
    pub(crate) presence: Vec<usize>,
    /// Paths that go on through a key.
    pub(crate) through_names: Vec<usize>,
    /// Paths that go on through an index.
    pub(crate) through_indices: Vec<usize>,
    /// Paths that go on through `[*]`.
    pub(crate) through_items: Vec<usize>,
}

/// Whether a plan keeps the keys of the outermost object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Some route has `only`, or a name could come from two places.
    Kept,
    /// Nobody asks.
    Dropped,
}

impl Plan {
    /// Joins paths; each once.
    pub(crate) fn new(ids: impl IntoIterator<Item = PathId>, paths: &Paths, keys: Keys) -> Self {
        let mut plan = Self {
            keep_keys: keys == Keys::Kept,
            ..Self::default()
        };
        plan.ids = ids.into_iter().collect();
        plan.ids.sort_unstable();
        plan.ids.dedup();
        for (slot, id) in plan.ids.iter().enumerate() {
            let Some(path) = paths.get(*id) else { continue };
            match &path.route {
                Route::Steps(steps) => plan.root.insert(steps, slot, Some(path.access)),
                Route::Tree {
                    query,
                    names,
                    front,
                } => {
                    plan.root.insert(front, slot, None);
                    plan.anywhere.extend(names.iter().cloned());
                    plan.trees.push(Tree {
                        slot,
                        query: (**query).clone(),
                    });
                }
            }
        }
        plan.root.share_items();
        plan
    }

    /// Returns whether it reads nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

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
        let tree = Json::read(bytes, room)?;
        room.nodes = left;
        for Tree { slot, query } in &self.trees {
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

impl Node {
    fn insert(&mut self, steps: &[Step], slot: usize, access: Option<Access>) {
        let Some((step, rest)) = steps.split_first() else {
            match access {
                Some(Access::Value) => self.values.push(slot),
                Some(Access::Presence) => self.presence.push(slot),
                None => {}
            }
            return;
        };
        let below = match step {
            Step::Name(name) => {
                self.through_names.push(slot);
                entry(&mut self.names, name.clone())
            }
            Step::Index(index) => {
                self.through_indices.push(slot);
                entry(&mut self.indices, *index)
            }
            Step::Items => {
                self.through_items.push(slot);
                Some(&mut **self.items.get_or_insert_default())
            }
        };
        if let Some(below) = below {
            below.insert(rest, slot, access);
        }
    }

    /// An item under `[0]` is also one of `[*]`: the reader follows one node at a time.
    fn share_items(&mut self) {
        if let Some(items) = &self.items {
            for (_, node) in &mut self.indices {
                node.join(items);
            }
        }
        self.items.iter_mut().for_each(|node| node.share_items());
        self.indices
            .iter_mut()
            .for_each(|(_, node)| node.share_items());
        self.names
            .iter_mut()
            .for_each(|(_, node)| node.share_items());
    }

    fn join(&mut self, other: &Self) {
        self.values.extend(&other.values);
        self.presence.extend(&other.presence);
        self.through_names.extend(&other.through_names);
        self.through_indices.extend(&other.through_indices);
        self.through_items.extend(&other.through_items);
        for (name, node) in &other.names {
            if let Some(below) = entry(&mut self.names, name.clone()) {
                below.join(node);
            }
        }
        for (index, node) in &other.indices {
            if let Some(below) = entry(&mut self.indices, *index) {
                below.join(node);
            }
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().join(items);
        }
    }
}

/// Returns the node under a key, made where there is none.
fn entry<K: PartialEq>(nodes: &mut Vec<(K, Node)>, key: K) -> Option<&mut Node> {
    let at = nodes
        .iter()
        .position(|(known, _)| *known == key)
        .unwrap_or_else(|| {
            nodes.push((key, Node::default()));
            nodes.len() - 1
        });
    nodes.get_mut(at).map(|(_, node)| node)
}
