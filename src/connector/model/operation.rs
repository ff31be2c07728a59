//! Defines what the operations of a request can be, and which routes are for which of them.

use std::collections::BTreeMap;

use crate::model::glob::Glob;
use crate::model::value::ValueType;

/// What the operations of a request are. THE list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OperationKind {
    /// The request is one operation.
    Whole,
    /// Root fields of GraphQL operations: `mutation.createPullRequest`.
    Graphql,
    /// JSON-RPC messages, by their method: `tools/call`.
    Rpc,
    /// Refs that a push changes, by their names.
    Git,
    /// The request itself, and the requests that it carries.
    Batch,
}

/// What an operation says of itself, beside the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fact {
    /// `query`, `mutation`, `subscription` or `persisted`.
    GraphqlType,
    /// The root field's name, or the id of a persisted document.
    GraphqlField,
    /// Name of the GraphQL operation.
    GraphqlOperation,
    /// Every field's name below the root field, each once.
    GraphqlSelections,
    /// The method of a message.
    RpcMethod,
    /// The name of a ref, as `refs/heads/main`.
    GitRef,
    /// Whether a push may drop commits of the ref.
    GitForce,
    /// Whether a push takes the ref away.
    GitDelete,
}

/// The routes of a group by the operations that they are for.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) kind: OperationKind,
    /// For whole requests, which have no operations.
    pub(crate) whole: Vec<u32>,
    pub(crate) exact: BTreeMap<Box<str>, Vec<u32>>,
    /// The longest literal start first.
    pub(crate) globs: Vec<(Glob, Vec<u32>)>,
}

impl Fact {
    const ALL: [(&'static str, Self); 8] = [
        ("graphql.type", Self::GraphqlType),
        ("graphql.field", Self::GraphqlField),
        ("graphql.operation", Self::GraphqlOperation),
        ("graphql.selections", Self::GraphqlSelections),
        ("rpc.method", Self::RpcMethod),
        ("git.ref", Self::GitRef),
        ("git.force", Self::GitForce),
        ("git.delete", Self::GitDelete),
    ];

    /// Parses the name of a fact, as in `graphql.field`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, field)| *field)
    }

    /// Returns the kind of operations that have it.
    pub(crate) fn kind(self) -> OperationKind {
        match self {
            Self::GraphqlType
            | Self::GraphqlField
            | Self::GraphqlOperation
            | Self::GraphqlSelections => OperationKind::Graphql,
            Self::RpcMethod => OperationKind::Rpc,
            Self::GitRef | Self::GitForce | Self::GitDelete => OperationKind::Git,
        }
    }

    /// Returns whether its value is a list.
    pub(crate) fn is_list(self) -> bool {
        self == Self::GraphqlSelections
    }

    /// Returns the type of its value, or of the values in it.
    pub(crate) fn value_type(self) -> ValueType {
        match self {
            Self::GitForce | Self::GitDelete => ValueType::Bool,
            Self::GraphqlType
            | Self::GraphqlField
            | Self::GraphqlOperation
            | Self::GraphqlSelections
            | Self::RpcMethod
            | Self::GitRef => ValueType::String,
        }
    }
}

impl Table {
    pub(crate) fn new(kind: OperationKind) -> Self {
        Self {
            kind,
            whole: Vec::new(),
            exact: BTreeMap::new(),
            globs: Vec::new(),
        }
    }

    /// Adds a route for the operations that a pattern means; routes of whole requests have the empty one.
    pub(crate) fn insert(&mut self, pattern: &str, route: u32) {
        if pattern.is_empty() {
            self.whole.push(route);
            return;
        }
        if !pattern.contains('*') {
            self.exact.entry(pattern.into()).or_default().push(route);
            return;
        }
        let glob = Glob::new(pattern);
        match self.globs.iter_mut().find(|(known, _)| *known == glob) {
            Some((_, routes)) => routes.push(route),
            None => self.globs.push((glob, vec![route])),
        }
        self.globs
            .sort_by_key(|(glob, _)| std::cmp::Reverse(glob.literal_start()));
    }

    /// Iterates over the sets of routes that share one pattern: siblings, told apart by `when` and dialect.
    pub(crate) fn siblings(&self) -> impl Iterator<Item = &[u32]> {
        let whole = Some(&self.whole).filter(|routes| !routes.is_empty());
        let globs = self.globs.iter().map(|(_, routes)| routes);
        let sets = whole.into_iter().chain(self.exact.values()).chain(globs);
        sets.map(Vec::as_slice)
    }

    /// Returns every route, each once, in file order.
    pub(crate) fn routes(&self) -> Vec<u32> {
        let mut routes: Vec<u32> = self.siblings().flatten().copied().collect();
        routes.sort_unstable();
        routes.dedup();
        routes
    }

    /// Returns the sets that are for an operation: the exact one, else those of the globs with the longest literal start, of which
    /// none is more literal than the others.
    pub(crate) fn find(&self, operation: &str) -> Vec<&[u32]> {
        if operation.is_empty() && !self.whole.is_empty() {
            return vec![&self.whole];
        }
        if let Some(routes) = self.exact.get(operation) {
            return vec![routes];
        }
        let mut matching = self
            .globs
            .iter()
            .filter(|(glob, _)| glob.matches(operation))
            .peekable();
        let longest = matching.peek().map(|(glob, _)| glob.literal_start());
        matching
            .take_while(|(glob, _)| Some(glob.literal_start()) == longest)
            .map(|(_, routes)| routes.as_slice())
            .collect()
    }
}
