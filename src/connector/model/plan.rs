//! Defines reading plans: the paths that a request's routes read, joined into one tree that the reader walks along with the body.

use jsonpath_rust::parser::model::JpQuery;

use crate::connector::model::body_path::PathId;

/// The paths of one reading.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) root: Node,
    pub(crate) ids: Vec<PathId>,
    /// Whether the keys of the outermost object are kept.
    pub(crate) keep_keys: bool,
    /// Keys that tree paths name: their other spellings are refused anywhere.
    pub(crate) anywhere: Vec<Box<str>>,
    pub(crate) trees: Vec<TreePath>,
}

/// A path that is followed on a tree.
#[derive(Debug)]
pub(crate) struct TreePath {
    pub(crate) slot: usize,
    pub(crate) query: JpQuery,
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

impl Plan {
    /// Returns whether it reads nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}
