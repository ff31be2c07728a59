//! Finds routes and parameters that no request reaches, and routes that every request reaches.

use crate::connector::model::condition::{Read, Subject};
use crate::connector::model::connector::Connector;
use crate::connector::model::domain::Domain;
use crate::connector::model::matches::ANY_METHOD;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::parameter::Origin;
use crate::connector::model::pattern::Segment;
use crate::connector::model::route::Route;
use crate::connector::model::standard_headers::is_always_dropped;
use crate::model::target::Path;

/// Returns why no path reaches a route: it is spelled as the gateway refuses paths, or as no canonical path is.
pub(crate) fn unreachable_path(connector: &Connector, route: &Route) -> Option<String> {
    let segments = route.matches.path.segments().iter();
    let sample = segments.fold(String::new(), |mut path, segment| {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::Affixed(around) => path.extend([&*around.prefix, "x", &*around.suffix]),
            Segment::Param(_) | Segment::Rest(_) => path.push('x'),
        }
        path
    });
    let path = match Path::parse(&sample) {
        Ok(path) => path,
        Err(error) => return Some(error.to_string()),
    };
    let odd = path.oddities().without(connector.oddities);
    if !odd.is_empty() {
        return Some(format!("such paths are refused ({odd})"));
    }
    (path.matching() != sample).then(|| format!("it is compared with `{}`", path.matching()))
}

/// Returns a route that is taken in the place of this one on every host: the same path with the host in front.
pub(crate) fn shadow<'c>(connector: &'c Connector, route: &Route) -> Option<&'c Route> {
    if route.matches.host.is_some() || route.kind != OperationKind::Whole {
        return None;
    }
    let takes = |other: &Route, method: &str| {
        let mut methods = other.matches.methods.iter();
        methods.any(|own| **own == *method || **own == *ANY_METHOD)
    };
    let alike = |other: &Route| {
        other.kind == route.kind
            && other.options.websocket == route.options.websocket
            && other.formats == route.formats
    };
    let over = |domain: &Domain| {
        connector.routes.iter().find(|other| {
            let mut methods = route.matches.methods.iter();
            other.matches.host.as_ref() == Some(domain)
                && other.when.is_none()
                && alike(other)
                && methods.all(|method| takes(other, method))
                && other.matches.is_same_but_host(&route.matches)
        })
    };
    let mut endpoints = connector.endpoints.iter();
    let first = over(&endpoints.next()?.domain)?;
    endpoints
        .all(|endpoint| over(&endpoint.domain).is_some())
        .then_some(first)
}

/// Returns whether a route stands for the whole API, or for whatever method.
pub(crate) fn catches_all(route: &Route) -> bool {
    if is_for_some_hosts(route) {
        return false;
    }
    let any_path = matches!(route.matches.path.segments(), [Segment::Rest(_)]);
    let any_method = route
        .matches
        .methods
        .iter()
        .any(|method| **method == *ANY_METHOD);
    any_path || (any_method && route.matches.path.names().next().is_some())
}

/// Returns whether `when` asks for a label of the domain or base path: the route is for the hosts that have it.
pub(crate) fn is_for_some_hosts(route: &Route) -> bool {
    let own: Vec<&str> = route.matches.path.names().map(|name| &**name).collect();
    let is_place =
        |read: &Read| matches!(&read.subject, Subject::Captured(name) if !own.contains(&&**name));
    let mut reads = route.when.iter().flat_map(|when| &when.reads);
    reads.any(is_place)
}

/// Returns whether method and path alone say what a request is.
pub(crate) fn reads_only_its_path(route: &Route) -> bool {
    let labels = |origin: &Origin| matches!(origin, Origin::Captured(_));
    let mut params = route.params.iter();
    route.kind == OperationKind::Whole
        && route.when.is_none()
        && route.name.fixed().is_some()
        && params.all(|param| !param.origins.is_empty() && param.origins.iter().all(labels))
}

/// Returns why a place that a parameter is read from never holds anything.
pub(crate) fn never_found(
    connector: &Connector,
    route: &Route,
    origin: &Origin,
) -> Option<&'static str> {
    let places = &connector.places;
    match origin {
        Origin::Header(name) => {
            let name = name.as_str();
            let credential = name == "authorization"
                || name == "cookie"
                || places.headers.iter().any(|known| known == name);
            let dropped = is_always_dropped(name) || name.contains('_');
            let credential =
                credential.then_some("what stands there is a credential, and is taken out");
            credential.or(dropped.then_some("the header is taken out before anything is judged"))
        }
        Origin::Query(name) => {
            let mut keys = places.query.iter();
            let credential = keys.any(|key| key.eq_ignore_ascii_case(name.root()));
            credential.then_some("what stands there is a credential, and is taken out")
        }
        Origin::Body(_) | Origin::Form(_) => {
            let bodiless = |method: &str| ["GET", "HEAD", "OPTIONS"].contains(&method);
            let mut methods = route.matches.methods.iter();
            let none = methods.all(|method| bodiless(method));
            // GraphQL arguments come in the URL of a GET too.
            let whole = route.kind == OperationKind::Whole;
            let native = route.params.iter().any(|param| {
                param.origins.contains(origin)
                    && param
                        .origins
                        .iter()
                        .any(|other| matches!(other, Origin::Query(_)))
            });
            (none && whole && !native).then_some("requests with this method have no body")
        }
        Origin::Captured(_) | Origin::Fact(_) | Origin::Native(_) => None,
    }
}
