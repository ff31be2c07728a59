//! Says what the candidates of a request need of its body, and which actions it is by them.

use http::HeaderMap;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::route::RouteView;
use crate::connector::read::dialect::{self, Dialect};
use crate::connector::read::reading::{BodyNeed, Reading, RequestActions};
use crate::connector::read::room::{Memory, OwnMemory, Room};
use crate::connector::read::understand::collector::ActionCollector;
use crate::connector::read::unreadable::Unreadable;

impl Candidates {
    /// Returns what must be read of the body before `understand`, which is given the same headers.
    ///
    /// # Errors
    /// When `Content-Type` can be read in two ways; `unsupported_media` for a body that is read and is not UTF-8.
    pub fn body_need(&self, headers: &HeaderMap) -> Result<BodyNeed, Unreadable> {
        let Some(dialect) = self.dialect(headers)? else {
            return Ok(BodyNeed::Nothing);
        };
        dialect::check_charset(headers)?;
        // A limit that a route states stands; of several the widest, since each of them may be the one that is meant.
        let limit = self.groups().filter_map(|group| group.limit).max();
        Ok(BodyNeed::Read { dialect, limit })
    }

    /// Reads the request as the actions that it is: at least one, without duplicates; operations in their order, routes in file order.
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
        let mut collector = ActionCollector::new(self.operation_limit, room);
        self.understand_into(reading, &mut collector)?;
        let unlisted = self.unlisted(reading, (&collector, 0))?;
        Ok(RequestActions {
            unlisted,
            ..collector.finish(&self.place.connector)
        })
    }

    /// Returns the routes that the target can mean, for one operation where requests have several: `mutation.createIssue`, `tools/call`.
    /// Which of them are meant may depend on the body. None where a captured label is not written as a route says, since that
    /// refuses the request; one with `made_up` in it stands for any that is.
    #[must_use]
    pub fn routes(&self, operation: Option<&str>, made_up: &str) -> Vec<RouteView<'_>> {
        let mut views = Vec::new();
        for group in self.groups() {
            let captures = self.captures(group);
            let routes = match operation {
                Some(operation) if group.table.kind != OperationKind::Whole => {
                    group.table.find(operation).concat()
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

    /// Returns how the body is read; `None` where no candidate reads it.
    pub(crate) fn dialect(&self, headers: &HeaderMap) -> Result<Option<Dialect>, Unreadable> {
        let reading = self.groups().filter(|group| group.plan.is_some());
        dialect::choose(&reading.flat_map(|group| &*group.formats), headers)
    }
}
