//! Tells which routes a connector's tests try.

use std::collections::HashSet;

use crate::connector::compile::lint::reach;
use crate::connector::model::connector::Connector;
use crate::connector::model::route::Route;
use crate::connector::model::test_case::Expectation;

/// What the tests of a connector try.
#[derive(Debug, Default)]
pub(crate) struct Tried<'c> {
    /// Full names of actions.
    actions: HashSet<&'c str>,
    /// Full names without their verbs.
    resources: HashSet<&'c str>,
    /// The `match` of routes with a `when`.
    conditional: HashSet<&'c str>,
}

impl<'c> Tried<'c> {
    pub(crate) fn of(connector: &'c Connector) -> Self {
        let mut tried = Self::default();
        for case in &connector.cases {
            tried.actions.insert(&case.route);
            tried.resources.extend(resource(&case.route));
            if let Expectation::Actions(actions) = &case.expect {
                let names = actions.iter().map(|action| action.name.as_str());
                tried.actions.extend(names);
            }
        }
        let conditional = connector.routes.iter().filter(|route| route.when.is_some());
        tried
            .conditional
            .extend(conditional.map(|route| &*route.text));
        tried
    }

    /// Returns whether a route has a test, or needs none.
    ///
    /// The test of a route that reads only its path would repeat its `match`, so one test for each resource is enough for those.
    pub(crate) fn covers(&self, route: &Route) -> bool {
        let name = route.name.as_str();
        let plain = reach::reads_only_its_path(route) && !self.conditional.contains(&*route.text);
        let of_resource = || resource(name).is_some_and(|own| self.resources.contains(own));
        self.actions.contains(name) || (plain && of_resource())
    }
}

/// Returns an action's name without its verb, unless only the connector's id is left.
fn resource(action: &str) -> Option<&str> {
    let (resource, _) = action.rsplit_once('.')?;
    resource.contains('.').then_some(resource)
}
