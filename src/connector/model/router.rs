//! Holds the compiled router of one connector and method: path patterns by shape, and which of them accept one path together.

use crate::connector::model::pattern::Pattern;

/// Finds the patterns that accept a path. `matchit` answers with one of them; the others overlap it.
pub(crate) struct Router {
    /// Each holds what no earlier one could: `matchit` knows one kind of parameter at a place, `{x}` or `{*rest}`, and one suffix.
    pub(crate) routers: Box<[matchit::Router<u32>]>,
    /// By the numbers in `routers`.
    pub(crate) shapes: Box<[Shape]>,
    /// The number of the pattern without segments, which `matchit` cannot hold.
    pub(crate) bare: Option<u32>,
}

/// A pattern without its names, and what is found by it.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) pattern: Pattern,
    /// Numbers of the connector's groups.
    pub(crate) groups: Box<[u32]>,
    /// Numbers of the shapes that accept a path which this one accepts too, but for those that it always beats.
    pub(crate) overlapping: Box<[u32]>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("routers", &self.routers.len())
            .field("shapes", &self.shapes)
            .finish_non_exhaustive()
    }
}
