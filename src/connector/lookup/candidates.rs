//! Finds the routes that a target can mean.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::connector::lookup::catalog::Location;
use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::ErrorShape;
use crate::connector::model::group::Group;
use crate::connector::model::matches::{Matches, WEBSOCKET, method_keys};
use crate::connector::model::operation::OperationKind;
use crate::model::target::{Query, decode};

/// Parts of one request, unless the configuration says otherwise.
pub const DEFAULT_OPERATION_LIMIT: usize = 50;

/// The routes whose `match` accepts a target; which of them apply may depend on query, headers and body.
#[derive(Debug)]
pub struct Candidates {
    pub(crate) place: Location,
    pub(crate) method: Method,
    pub(crate) groups: Vec<u32>,
    pub(crate) node_limit: usize,
    pub(crate) operation_limit: usize,
}

impl Candidates {
    pub(crate) fn new(place: &Location, method: &Method, query: &Query) -> Self {
        let keys = method_keys(method);
        let groups = place.connector.accepting(keys, place, (method, query));
        Self::of(groups, place, method)
    }

    /// `None` where no route opens a WebSocket there: the fallback never does.
    pub(crate) fn opening(place: &Location, query: &Query) -> Option<Self> {
        let keys = std::iter::once(WEBSOCKET);
        let groups = place
            .connector
            .accepting(keys, place, (&Method::GET, query));
        (!groups.is_empty()).then(|| Self::of(groups, place, &Method::GET))
    }

    fn of(groups: Vec<u32>, place: &Location, method: &Method) -> Self {
        Self {
            place: place.clone(),
            method: method.clone(),
            groups,
            node_limit: DEFAULT_NODE_LIMIT,
            operation_limit: DEFAULT_OPERATION_LIMIT,
        }
    }

    /// Returns whether there is no route for it, whatever else the request says.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.groups.is_empty()
    }

    /// Sets how many values a body may have.
    pub fn limit_nodes(&mut self, node_limit: usize) {
        self.node_limit = node_limit;
    }

    /// Returns the shape in which the client of such a request reads errors; `None` where nothing says.
    ///
    /// What is GraphQL, JSON-RPC or a push is answered as that, whatever the rest of the API does.
    #[must_use]
    pub fn error_shape(&self, headers: &HeaderMap) -> Option<ErrorShape> {
        let connector = &self.place.connector;
        let kind = self.groups().next().map(|group| group.table.kind);
        let shapes = match kind {
            Some(OperationKind::Graphql) => Arc::clone(&connector.protocol_errors.graphql),
            Some(OperationKind::Rpc) => Arc::clone(&connector.protocol_errors.json_rpc),
            Some(OperationKind::Git) => Arc::clone(&connector.protocol_errors.git),
            Some(OperationKind::Whole | OperationKind::Batch) | None => {
                Arc::clone(&connector.errors)
            }
        };
        ErrorShape::of(&shapes, headers)
    }

    /// Returns the path for records: a label that a route keeps secret stands there by its name, and where no route of the request
    /// has one, what only another route would keep secret is hidden.
    #[must_use]
    pub fn shown_path(&self) -> Cow<'_, str> {
        let mut shown = Cow::Borrowed(self.place.path.as_str());
        if let Some(hidden) = self.hidden_path() {
            return Cow::Owned(hidden);
        }
        for group in self
            .groups()
            .filter(|group| !group.secret_labels.is_empty())
        {
            let captured = group.matches.path.capture(self.place.below());
            for (name, text) in captured.unwrap_or_default() {
                if group.secret_labels.contains(name) {
                    // Captures are of the form that routes are compared with.
                    let whole = match shown {
                        Cow::Borrowed(_) => self.place.path.matching(),
                        Cow::Owned(ref whole) => whole.as_str(),
                    };
                    shown = Cow::Owned(whole.replace(text, &format!("{{{name}}}")));
                }
            }
        }
        shown
    }

    /// `None` where a route of the request says what is secret, or nothing can be.
    pub(crate) fn hidden_path(&self) -> Option<String> {
        let mut groups = self.groups();
        if groups.any(|group| !group.secret_labels.is_empty()) {
            return None;
        }
        let paths = &self.place.connector.secret_paths;
        paths.hide(self.place.path.as_str())
    }

    /// Sets how many parts a request may have.
    pub fn limit_operations(&mut self, operation_limit: usize) {
        self.operation_limit = operation_limit;
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> + Clone {
        self.groups
            .iter()
            .filter_map(|number| self.place.connector.group(*number))
    }
}

/// Nodes of a body, unless the configuration says otherwise.
pub const DEFAULT_NODE_LIMIT: usize = 50_000;

impl Candidates {
    /// Returns every captured label, decoded: host, base path, path. A part that routes name differently is there under each name.
    pub(crate) fn captures<'a>(&'a self, group: &'a Group) -> Vec<(&'a str, Cow<'a, str>)> {
        let place = self.place.captures.iter();
        let place = place.map(|(name, value)| (&**name, Cow::Borrowed(value.as_str())));
        let of_match = |matches: &'a Matches| {
            let host = matches.host.as_ref();
            let host = host.and_then(|domain| domain.capture(&self.place.host));
            let host = host.unwrap_or_default().into_iter();
            let host = host.map(|(name, value)| (&**name, Cow::Borrowed(value)));
            let path = matches.path.capture(self.place.below());
            let path = path.unwrap_or_default().into_iter();
            host.chain(path.map(|(name, value)| (&**name, decode(value))))
        };
        place.chain(group.spellings().flat_map(of_match)).collect()
    }
}

impl Connector {
    /// Returns the groups under these keys whose match accepts a target, only the most literal ones, in file order.
    pub(crate) fn accepting<'a>(
        &self,
        keys: impl Iterator<Item = &'a str>,
        place: &Location,
        (method, query): (&http::Method, &Query),
    ) -> Vec<u32> {
        let mut found = Vec::new();
        for router in keys.filter_map(|key| self.routers.get(key)) {
            router.collect(place.below(), &mut found);
        }
        found.retain(|number| {
            self.group(*number)
                .is_some_and(|group| group.accepts(&place.host, query))
        });
        if found.len() < 2 {
            return found;
        }
        let groups: Vec<&Group> = found
            .iter()
            .filter_map(|number| self.group(*number))
            .collect();
        let beaten = |group: &Group| {
            groups
                .iter()
                .any(|other| other.is_more_literal(group, method))
        };
        found.retain(|number| self.group(*number).is_some_and(|group| !beaten(group)));
        found.sort_unstable();
        found
    }
}

impl Location {
    /// Returns the routes that the method, host and path (query keys in `match` too) can mean. Never empty: the fallback is one.
    #[must_use]
    pub fn candidates(&self, method: &Method, query: &Query) -> Candidates {
        Candidates::new(self, method, query)
    }

    /// Returns the routes that opening a WebSocket there can mean; `None` where there is none.
    #[must_use]
    pub fn opening(&self, query: &Query) -> Option<Candidates> {
        Candidates::opening(self, query)
    }
}
