//! Compiles routes as written into routes that requests can be read by.

use std::sync::Arc;

use crate::config::diagnostic::Source;
use crate::config::yaml::At;
use crate::connector::compile::defaults::Defaults;
use crate::connector::compile::{Scope, bodies, names, operations, params, risks};
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::condition::Condition;
use crate::connector::model::endpoint::Endpoint;
use crate::connector::model::matches::Matches;
use crate::connector::model::naming::Name;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::parameter::{Origin, Param};
use crate::connector::model::route::Route;
use crate::connector::model::summary::Summary;

/// Compiles all routes that have no errors.
pub(crate) fn compile<'a>(
    defaults: &Defaults<'a>,
    entries: &[(&'a Source, &'a RouteEntry)],
    endpoints: &[Endpoint],
    scope: &mut Scope<'a>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for (source, entry) in entries {
        scope.source = source;
        routes.extend(route(entry, defaults, endpoints, scope));
    }
    // Each is large, and a list that grew has room for as many again.
    routes.shrink_to_fit();
    routes
}

fn route(
    entry: &RouteEntry,
    defaults: &Defaults<'_>,
    endpoints: &[Endpoint],
    scope: &mut Scope<'_>,
) -> Option<Route> {
    let name = names::name(&entry.action, scope);
    let batch = operations::batch(entry, scope);
    let (kind, patterns) = operations::compile(entry, batch.as_ref(), scope);
    let matches = scope.good(
        Matches::parse(&entry.matches.value),
        "match",
        &entry.matches,
        "as in `POST /api/{version}/issue`",
    )?;
    let captured = params::captured(&matches, endpoints);
    let names: Vec<&str> = captured.iter().map(|name| &**name).collect();
    params::check_captures(&matches, endpoints, entry, scope);
    let formats = bodies::formats(entry, (kind, batch.as_ref()), defaults, scope);
    let mut params = params::params(entry, defaults, (&captured, kind), scope);
    let labels = params::native(entry, &formats, &mut params, scope);
    if kind == OperationKind::Git {
        params::refs(entry, &mut params, scope);
    }
    if let Some(Name::Made(making)) = &name {
        params::holes(making, entry, (&mut params, kind), scope);
    }
    params::computed(entry, &mut params, scope);
    let when = entry.when.as_ref().and_then(|when| {
        let compiled = Condition::compile(&when.value, (&names, &labels, kind), &mut scope.paths);
        compiled
            .map_err(|(message, help)| scope.error("when", message, when, help))
            .ok()
    });
    let summary = summary(entry, &params, scope);
    let risk = risks::risk(entry, &matches, defaults, scope);
    let route = Route {
        name: name?,
        kind,
        patterns: patterns.into(),
        text: entry.matches.value.as_str().into(),
        label: text(entry.name.as_ref()),
        docs: text(entry.docs.as_ref()),
        matches: matches.into(),
        risk: risk?,
        reads: entry.reads,
        when: when.map(Box::new),
        when_text: text(entry.when.as_ref()),
        only: entry.only.as_ref().map(|only| only.value.clone().into()),
        params: params
            .into_iter()
            .map(|param| scope.params.share(param))
            .collect(),
        summary_text: text(entry.summary.as_ref()),
        summary,
        formats,
        options: defaults.options(entry, batch.as_ref(), scope),
        batch: batch.map(Arc::new),
        renamed_from: names::renamed_from(entry, scope).into(),
        source: scope.source.clone(),
        line: u32::try_from(entry.matches.line).unwrap_or(u32::MAX),
        column: u32::try_from(entry.matches.column).unwrap_or(u32::MAX),
    };
    bodies::check(&route, entry, scope);
    operations::check(&route, entry, scope);
    Some(route)
}

fn summary(entry: &RouteEntry, params: &[Param], scope: &mut Scope<'_>) -> Option<Summary> {
    let written = entry.summary.as_ref()?;
    let known: Vec<&str> = params.iter().map(|param| &*param.name).collect();
    let parsed = Summary::parse(&written.value, &known);
    let help = "names in braces are parameters of the route";
    scope.good(parsed, "summary", written, help)
}

/// Returns an optional text as written.
fn text(written: Option<&At<String>>) -> Option<Box<str>> {
    written.map(|written| written.value.as_str().into())
}

/// Returns the lower-case names of headers that some route reads.
pub(crate) fn read_headers(routes: &[Route]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for route in routes {
        names.extend(
            route
                .when
                .iter()
                .flat_map(|when| when.headers.iter().cloned()),
        );
        for origin in route.params.iter().flat_map(|param| &*param.origins) {
            match origin {
                Origin::Header(name) => names.push(name.as_str().to_owned()),
                Origin::Captured(_)
                | Origin::Query(_)
                | Origin::Form(_)
                | Origin::Body(_)
                | Origin::Fact(_)
                | Origin::Native(_) => {}
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
