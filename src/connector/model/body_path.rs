//! Compiles paths into a JSON body: plain steps for the one-pass reader, or a query for what needs a tree.

use jsonpath_rust::parser::model::JpQuery;

/// A path of one connector, by its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathId(pub(crate) u32);

/// What is asked of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// The value at the path is read.
    Value,
    /// Whether something other than `null` is there.
    Presence,
}

/// A JSONPath or form name, compiled.
#[derive(Debug, Clone)]
pub(crate) struct BodyPath {
    pub(crate) route: Traversal,
    pub(crate) access: Access,
    /// More than one value can lie under it.
    pub(crate) list: bool,
    /// The last object key, as far as there is one: the name that another place could carry too.
    pub(crate) last_key: Option<Box<str>>,
}

/// How a path is followed.
#[derive(Debug, Clone)]
pub(crate) enum Traversal {
    /// The path is followed while the body is read.
    Steps(Vec<PathStep>),
    /// On a tree: filters, `..`, slices, indices from the end.
    Tree {
        query: Box<JpQuery>,
        /// Every key that it names.
        names: Vec<Box<str>>,
        /// The plain steps that it starts with: their containers are checked while reading.
        front: Vec<PathStep>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    Name(Box<str>),
    Index(usize),
    /// `[*]`, over a list.
    Items,
}

impl BodyPath {
    /// Returns whether it can be followed a step at a time.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.route, Traversal::Steps(_))
    }
}
