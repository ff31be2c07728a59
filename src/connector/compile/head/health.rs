//! Compiles `health:`, the request that shows whether a credential works.

use http::{HeaderName, Method};

use crate::config::yaml::At;
use crate::connector::compile::Scope;
use crate::connector::compile::layers::Layers;
use crate::connector::compile::paths::Paths;
use crate::connector::model::connector::{Connector, Health};
use crate::connector::model::group::Group;
use crate::connector::model::matches::method_keys;
use crate::model::action::Risk;
use crate::model::target::{Path, Query};

/// Compiles the request that `health:` names.
pub(crate) fn compile<'a>(layers: &Layers<'a>, scope: &mut Scope<'a>) -> Option<Health> {
    let entry = layers.pick(scope, |manifest| manifest.health.as_ref())?;
    let (method, target) = entry
        .request
        .value
        .split_once(' ')
        .unwrap_or(("GET", &entry.request.value));
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| {
            (path, Some(query.to_owned()))
        });
    let parsed = Path::parse(path)
        .ok()
        .zip(Method::from_bytes(method.as_bytes()).ok());
    let Some((canonical, method)) = parsed.filter(|_| Query::parse(query.as_deref()).is_ok())
    else {
        let message = format!("`{}` is not a request", entry.request.value.escape_debug());
        scope.error(
            "health",
            message,
            &entry.request,
            "as in `GET /api/3/myself`",
        );
        return None;
    };
    for place in [&entry.identity, &entry.expires].into_iter().flatten() {
        let header = place.value.strip_prefix("header:");
        if header.is_some_and(|name| name.parse::<HeaderName>().is_ok()) {
            continue;
        }
        if let Err(error) = Paths::default().intern(&place.value) {
            scope.error("health", error.to_string(), place, "as in `$.emailAddress`");
        }
    }
    let text = |place: &Option<At<String>>| place.as_ref().map(|place| place.value.clone());
    Some(Health {
        method,
        path: canonical.as_str().to_owned(),
        query,
        identity: text(&entry.identity),
        expires: text(&entry.expires),
    })
}

/// Checks that the health request is a low-risk route: it is sent without an agent asking for it.
pub(crate) fn check<'a>(connector: &Connector, layers: &Layers<'a>, scope: &mut Scope<'a>) {
    let entry = layers.pick(scope, |manifest| manifest.health.as_ref());
    let (Some(health), Some(entry)) = (&connector.health, entry) else {
        return;
    };
    let (Ok(path), Ok(query)) = (
        Path::parse(&health.path),
        Query::parse(health.query.as_deref()),
    ) else {
        return;
    };
    let mut found = Vec::new();
    for key in method_keys(&health.method) {
        if let Some(router) = connector.routers.get(key) {
            router.collect(path.matching(), &mut found);
        }
    }
    let groups = found.iter().filter_map(|number| connector.group(*number));
    let accepting: Vec<_> = groups
        .filter(|group| group.matches.accepts_query(&query))
        .collect();
    let beaten = |group: &Group| {
        accepting
            .iter()
            .any(|other| other.is_more_literal(group, &health.method))
    };
    let routes = accepting
        .iter()
        .filter(|group| !beaten(group))
        .flat_map(|group| group.table.routes());
    let risks: Vec<Risk> = routes
        .filter_map(|number| connector.route(number))
        .map(|route| route.risk.highest())
        .collect();
    if risks.is_empty() || risks.iter().any(|risk| *risk > Risk::Low) {
        let message = format!(
            "`{}` is not a low-risk route of this connector",
            entry.request.value.escape_debug()
        );
        scope.error(
            "health",
            message,
            &entry.request,
            "add a route for it; the path is relative to `base_paths`",
        );
    }
}
