//! Joins the paths that the routes of a group read into one plan.

use crate::connector::compile::paths::Paths;
use crate::connector::model::body_path::{Access, PathId, PathStep, Traversal};
use crate::connector::model::plan::{Node, Plan, TreePath};

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
                Traversal::Steps(steps) => plan.root.insert(steps, slot, Some(path.access)),
                Traversal::Tree {
                    query,
                    names,
                    front,
                } => {
                    plan.root.insert(front, slot, None);
                    plan.anywhere.extend(names.iter().cloned());
                    plan.trees.push(TreePath {
                        slot,
                        query: (**query).clone(),
                    });
                }
            }
        }
        plan.root.share_items();
        plan
    }
}

impl Node {
    fn insert(&mut self, steps: &[PathStep], slot: usize, access: Option<Access>) {
        let Some((step, rest)) = steps.split_first() else {
            match access {
                Some(Access::Value) => self.values.push(slot),
                Some(Access::Presence) => self.presence.push(slot),
                None => {}
            }
            return;
        };
        let below = match step {
            PathStep::Name(name) => {
                self.through_names.push(slot);
                entry(&mut self.names, name.clone())
            }
            PathStep::Index(index) => {
                self.through_indices.push(slot);
                entry(&mut self.indices, *index)
            }
            PathStep::Items => {
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

/// Whether a plan keeps the keys of the outermost object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Some route has `only`, or a name could come from two places.
    Kept,
    /// No candidate needs the keys.
    Dropped,
}
