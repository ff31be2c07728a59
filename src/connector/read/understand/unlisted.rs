//! Finds what is left of a request once it is understood: headers and switches of the query that nothing which was judged reads.

use http::HeaderName;

use crate::connector::lookup::candidates::Candidates;
use crate::connector::model::route::Route;
use crate::connector::read::headers::Readers;
use crate::connector::read::reading::Reading;
use crate::connector::read::understand::collector::ActionCollector;
use crate::connector::read::unreadable::Unreadable;
use crate::model::target::may_be;

impl Candidates {
    /// Returns the headers of a request that nothing declares or reads; `from` is where what was found of it begins.
    ///
    /// # Errors
    /// `identity_header`, `method_override`, `undeclared_header`.
    pub(crate) fn unlisted(
        &self,
        reading: &Reading<'_>,
        (collector, from): (&ActionCollector, usize),
    ) -> Result<Vec<HeaderName>, Unreadable> {
        let connector = &*self.place.connector;
        let own = collector.found.iter().skip(from);
        let own = own.filter(|found| found.is_member == collector.in_member);
        let numbers = own.map(|found| found.place.1);
        let applying = numbers.clone().filter_map(|number| connector.route(number));
        connector.check_query_switches(&reading.target.query, |given| {
            let same = |read: &str| may_be(read, given);
            let mut matched = self.groups().flat_map(|group| group.matches.query_keys());
            applying.clone().flat_map(Route::query_keys).any(same) || matched.any(same)
        })?;
        let readers = Readers {
            applying,
            groups: self.groups(),
            has_unknown: numbers
                .clone()
                .any(|number| connector.route(number).is_none()),
            connector,
        };
        readers.unlisted(reading.headers)
    }
}
