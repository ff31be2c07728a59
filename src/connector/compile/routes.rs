//! Routes as written to routes that requests can be read by.

use super::super::catalog::Site;
use super::super::condition::Condition;
use super::super::manifest::{Cookies, Manifest, RouteEntry};
use super::super::matches::Matches;
use super::super::naming::Name;
use super::super::parameter::{Origin, Param};
use super::super::route::{Passes, Route, Terms};
use super::super::summary::Summary;
use super::{Scope, bodies, names, params, parts, risks};
use crate::config::yaml::At;

/// Compiles all routes that have no errors.
pub(super) fn compile(manifest: &Manifest, sites: &[Site], scope: &mut Scope<'_>) -> Vec<Route> {
    risks::check_defaults(manifest, scope);
    manifest
        .routes
        .iter()
        .filter_map(|entry| route(entry, manifest, sites, scope))
        .collect()
}

fn route(
    entry: &RouteEntry,
    manifest: &Manifest,
    sites: &[Site],
    scope: &mut Scope<'_>,
) -> Option<Route> {
    let name = names::name(&entry.action, scope);
    let (kind, patterns) = parts::compile(entry, scope);
    let form = "as in `POST /api/{version}/issue`";
    let matches = scope.good(
        Matches::parse(&entry.matches.value),
        "match",
        &entry.matches,
        form,
    )?;
    let captured = params::captured(&matches, sites);
    let names: Vec<&str> = captured.iter().map(|name| &**name).collect();
    params::check_captures(&matches, sites, entry, scope);
    let mut params = params::params(entry, manifest, (&captured, kind), scope);
    if let Some(Name::Made(making)) = &name {
        params::holes(making, entry, (&mut params, kind), scope);
    }
    let when = entry.when.as_ref().and_then(|when| {
        let compiled = Condition::compile(&when.value, (&names, kind), &mut scope.paths);
        compiled
            .map_err(|(message, help)| scope.error("when", message, when, help))
            .ok()
    });
    let summary = summary(entry, &params, scope);
    let risk = risks::risk(entry, &matches, manifest, scope);
    let route = Route {
        name: name?,
        kind,
        patterns,
        text: entry.matches.value.clone(),
        label: text(entry.name.as_ref()),
        docs: text(entry.docs.as_ref()),
        matches,
        risk: risk?,
        when,
        when_text: text(entry.when.as_ref()),
        only: entry.only.as_ref().map(|only| only.value.clone()),
        params,
        summary_text: text(entry.summary.as_ref()),
        summary,
        formats: bodies::formats(entry, manifest, scope),
        terms: terms(entry, manifest),
        was: names::was(entry, scope),
        place: (entry.matches.line, entry.matches.column),
    };
    bodies::check(&route, entry, scope);
    parts::check(&route, entry, scope);
    Some(route)
}

fn summary(entry: &RouteEntry, params: &[Param], scope: &mut Scope<'_>) -> Option<Summary> {
    let written = entry.summary.as_ref()?;
    let known: Vec<&str> = params.iter().map(|param| &*param.name).collect();
    let parsed = Summary::parse(&written.value, &known);
    let help = "names in braces are parameters of the route";
    scope.good(parsed, "summary", written, help)
}

/// Returns what a route says of the whole exchange.
fn terms(entry: &RouteEntry, manifest: &Manifest) -> Terms {
    let limits = entry.limits.as_ref();
    Terms {
        body_limit: limits.and_then(|limits| limits.body).map(|size| size.0),
        no_credential: entry.no_credential.unwrap_or(false),
        websocket: entry.websocket,
        passes: passes(manifest).with(entry.range, entry.cookies),
    }
}

/// Returns what passes by routes that do not say.
pub(super) fn passes(manifest: &Manifest) -> Passes {
    Passes::default().with(manifest.range, manifest.cookies)
}

impl Passes {
    /// Replaces what is written.
    fn with(self, range: Option<bool>, cookies: Option<Cookies>) -> Self {
        Self {
            range: range.unwrap_or(self.range),
            cookies: cookies.map_or(self.cookies, |cookies| cookies == Cookies::Pass),
        }
    }
}

/// Returns an optional text as written.
fn text(written: Option<&At<String>>) -> Option<String> {
    written.map(|written| written.value.clone())
}

/// Returns the lower-case names of headers that some route reads.
pub(super) fn listed_headers(routes: &[Route]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for route in routes {
        names.extend(
            route
                .when
                .iter()
                .flat_map(|when| when.headers.iter().cloned()),
        );
        for origin in route.params.iter().flat_map(|param| &param.origins) {
            match origin {
                Origin::Header(name) => names.push(name.as_str().to_owned()),
                Origin::Captured(_)
                | Origin::Query(_)
                | Origin::Form(_)
                | Origin::Body(_)
                | Origin::Part(_) => {}
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
