//! Reading plans: the paths that a request's routes read, joined into one tree that the reader walks along with the body.

use jsonpath_rust::query::js_path_process;
use serde_json::Value as Json;

use super::path::{Access, Paths, Route, Step};
use super::{Fields, PathId, Slot, UNREADABLE_BODY, Unreadable};
use crate::model::value::Value;

/// The paths of one reading.
#[derive(Debug, Default)]
pub(in crate::connector) struct Plan {
    pub(super) root: Node,
    pub(super) ids: Vec<PathId>,
    /// Whether the keys of the outermost object are kept.
    pub(super) keep_keys: bool,
    /// Keys that tree paths name: their other spellings are refused anywhere.
    pub(super) anywhere: Vec<Box<str>>,
    trees: Vec<Tree>,
}

/// A path that is followed on a tree.
#[derive(Debug)]
struct Tree {
    slot: usize,
    query: jsonpath_rust::parser::model::JpQuery,
}

/// What is read at one place of a body. Numbers are slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) names: Vec<(Box<str>, Self)>,
    pub(super) indices: Vec<(usize, Self)>,
    pub(super) items: Option<Box<Self>>,
    /// Paths whose value is here.
    pub(super) values: Vec<usize>,
    /// Paths that ask whether anything is here.
    pub(super) presence: Vec<usize>,
    /// Paths that go on through a key.
    pub(super) through_names: Vec<usize>,
    /// Paths that go on through an index.
    pub(super) through_indices: Vec<usize>,
    /// Paths that go on through `[*]`.
    pub(super) through_items: Vec<usize>,
}

/// Whether a plan keeps the keys of the outermost object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Keys {
    /// Some route has `only`, or a name could come from two places.
    Kept,
    /// Nobody asks.
    Dropped,
}

impl Plan {
    /// Joins paths; each once.
    pub(in crate::connector) fn new(
        ids: impl IntoIterator<Item = PathId>,
        paths: &Paths,
        keys: Keys,
    ) -> Self {
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
    pub(in crate::connector) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns what an empty body says.
    pub(super) fn nothing(&self) -> Fields {
        Fields {
            slots: self.ids.iter().map(|id| (*id, Slot::default())).collect(),
            keys: Vec::new(),
            overrides_method: false,
        }
    }

    /// Follows the paths that need a tree; the bytes have passed the reader.
    pub(super) fn read_trees(&self, bytes: &[u8], fields: &mut Fields) -> Result<(), Unreadable> {
        if self.trees.is_empty() {
            return Ok(());
        }
        let refuse = |detail: &str| Unreadable {
            code: UNREADABLE_BODY,
            detail: detail.to_owned(),
        };
        let tree: Json =
            serde_json::from_slice(bytes).map_err(|_| refuse("the body is not JSON"))?;
        for Tree { slot, query } in &self.trees {
            let found = js_path_process(query, &tree)
                .map_err(|_| refuse("the body does not fit a path"))?;
            let Some((_, slot)) = fields.slots.get_mut(*slot) else {
                continue;
            };
            for item in found {
                match item.val() {
                    Json::Null => {}
                    Json::Bool(truth) => slot.push(Value::Bool(*truth)),
                    Json::Number(number) => match number.as_i64() {
                        Some(whole) => slot.push(Value::Int(whole)),
                        None => slot.push(Value::Number(number.as_f64().unwrap_or(f64::MAX))),
                    },
                    Json::String(text) => slot.push(Value::text(text)),
                    Json::Array(_) | Json::Object(_) => slot.misfit = true,
                }
            }
        }
        Ok(())
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
