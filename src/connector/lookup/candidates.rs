//! Candidates: the routes that a target can mean in, what of the body they need, and the actions that the request is out.

use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::connector::lookup::catalog::Place;
use crate::connector::model::error_shape::ErrorShape;
use crate::connector::model::matches::{WEBSOCKET, method_keys};
use crate::connector::model::operation::PartKind;
use crate::connector::model::route::{Group, RouteView};
use crate::connector::read::dialect::{self, Dialect};
use crate::connector::read::json::DEFAULT_NODE_LIMIT;
use crate::connector::read::reading::{BodyNeed, Reading, RequestActions, Unreadable};
use crate::connector::read::room::{Memory, OwnMemory, Room};
use crate::connector::read::understand::Sheet;
use crate::model::target::Query;

/// Parts of one request, unless the configuration says otherwise.
pub const DEFAULT_PART_LIMIT: usize = 50;

/// The routes whose `match` accepts a target; which of them apply may depend on query, headers and body.
#[derive(Debug)]
pub struct Candidates {
    pub(crate) place: Place,
    pub(crate) method: Method,
    pub(crate) groups: Vec<u32>,
    pub(crate) node_limit: usize,
    pub(crate) part_limit: usize,
}

impl Candidates {
    pub(crate) fn new(place: &Place, method: &Method, query: &Query) -> Self {
        let keys = method_keys(method);
        let groups = place.connector.accepting(keys, place, (method, query));
        Self::of(groups, place, method)
    }

    /// `None` where no route opens a WebSocket there: the fallback never does.
    pub(crate) fn opening(place: &Place, query: &Query) -> Option<Self> {
        let keys = std::iter::once(WEBSOCKET);
        let groups = place
            .connector
            .accepting(keys, place, (&Method::GET, query));
        (!groups.is_empty()).then(|| Self::of(groups, place, &Method::GET))
    }

    fn of(groups: Vec<u32>, place: &Place, method: &Method) -> Self {
        Self {
            place: place.clone(),
            method: method.clone(),
            groups,
            node_limit: DEFAULT_NODE_LIMIT,
            part_limit: DEFAULT_PART_LIMIT,
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

    /// Returns what must be read of the body before `understand`, which is given the same headers.
    ///
    /// # Errors
    /// When `Content-Type` can be read in two ways.
    pub fn body_need(&self, headers: &HeaderMap) -> Result<BodyNeed, Unreadable> {
        let Some(dialect) = self.dialect(headers)? else {
            return Ok(BodyNeed::Nothing);
        };
        // A limit that a route states stands; of several the widest, since each of them may be the one that is meant.
        let limit = self.groups().filter_map(|group| group.limit).max();
        Ok(BodyNeed::Read { dialect, limit })
    }

    /// Returns the shape in which the client of such a request reads errors; `None` where nothing says.
    ///
    /// What is GraphQL, JSON-RPC or a push is answered as that, whatever the rest of the API does.
    #[must_use]
    pub fn error_shape(&self, headers: &HeaderMap) -> Option<ErrorShape> {
        let own = &self.place.connector.errors;
        let kind = self.groups().next().map(|group| group.table.kind);
        let shapes = match kind {
            Some(PartKind::Graphql) => ErrorShape::named("graphql")?,
            Some(PartKind::Rpc) => ErrorShape::named("json_rpc")?,
            Some(PartKind::Git) => ErrorShape::named("git")?,
            Some(PartKind::Whole | PartKind::Batch) | None => Arc::clone(own),
        };
        ErrorShape::of(&shapes, headers)
    }

    /// Sets how many parts a request may have.
    pub fn limit_parts(&mut self, part_limit: usize) {
        self.part_limit = part_limit;
    }

    /// Reads the request as the actions that it is: at least one, without duplicates; parts in their order, routes in file order.
    ///
    /// # Errors
    /// When the request can be read in two ways, or not at all, or is too many actions.
    pub fn understand(&self, reading: &Reading<'_>) -> Result<RequestActions, Unreadable> {
        self.understand_within(reading, &mut OwnMemory)
    }

    /// Does the same with memory that is counted: what reading takes beside the body is asked for before it is allocated.
    ///
    /// # Errors
    /// The same, and when there is no memory left.
    pub fn understand_within(
        &self,
        reading: &Reading<'_>,
        memory: &mut dyn Memory,
    ) -> Result<RequestActions, Unreadable> {
        let query = reading.target.query.raw().map_or(0, str::len);
        let bytes = reading.body.map_or(0, <[u8]>::len).saturating_add(query);
        let room = Room::new(self.node_limit, bytes, memory);
        let mut sheet = Sheet::new(self.part_limit, room);
        self.understand_into(reading, &mut sheet)?;
        let unlisted = self.unlisted(reading, (&sheet, 0))?;
        Ok(RequestActions {
            unlisted,
            ..sheet.finish(&self.place.connector)
        })
    }

    /// Returns the routes that the target can mean, for one part where requests have several: `mutation.createIssue`, `tools/call`.
    /// Which of them are meant may depend on the body. None where a captured label is not written as a route says, since that
    /// refuses the request; one with `made_up` in it stands for any that is.
    #[must_use]
    pub fn routes(&self, part: Option<&str>, made_up: &str) -> Vec<RouteView<'_>> {
        let mut views = Vec::new();
        for group in self.groups() {
            let captures = self.captures(group);
            let routes = match part {
                Some(part) if group.table.kind != PartKind::Whole => {
                    group.table.find(part).concat()
                }
                Some(_) | None => group.table.routes(),
            };
            for route in routes
                .iter()
                .filter_map(|number| self.place.connector.route(*number))
            {
                let refused = captures.iter().any(|(name, value)| {
                    let param = route.params.iter().find(|param| param.reads_label(name));
                    !value.contains(made_up) && param.is_some_and(|param| !param.accepts(value))
                });
                if refused {
                    return Vec::new();
                }
                views.push(route.view());
            }
        }
        views
    }

    /// Returns the full names of the actions that the request may be, each once, at most `limit`; holes stay in braces.
    #[must_use]
    pub fn names(&self, limit: usize) -> Vec<String> {
        let connector = &self.place.connector;
        let numbers = self.groups().flat_map(|group| group.table.routes());
        let mut names: Vec<String> = Vec::new();
        for route in numbers.filter_map(|number| connector.route(number)) {
            if names.len() < limit && !names.iter().any(|known| *known == *route.name.as_str()) {
                names.push(route.name.as_str().to_owned());
            }
        }
        if names.is_empty() {
            names.push(self.unknown(None).name.to_string());
        }
        names
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> + Clone {
        self.groups
            .iter()
            .filter_map(|number| self.place.connector.group(*number))
    }

    /// Returns how the body is read; `None` where nobody reads it.
    pub(crate) fn dialect(&self, headers: &HeaderMap) -> Result<Option<Dialect>, Unreadable> {
        let reading = self.groups().filter(|group| group.plan.is_some());
        dialect::choose(&reading.flat_map(|group| &*group.formats), headers)
    }
}
