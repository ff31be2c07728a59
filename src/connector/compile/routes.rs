//! Routes as written to routes that requests can be read by.

use super::super::catalog::Site;
use super::super::condition::Condition;
use super::super::dialect::{Format, Kind};
use super::super::manifest::{Manifest, RouteEntry};
use super::super::matches::{ANY_METHOD, Matches};
use super::super::parameter::Origin;
use super::super::route::Route;
use super::super::summary::Summary;
use super::{Scope, params};
use crate::config::yaml::{At, ShortOr};
use crate::model::action::{ActionName, Risk};

/// Compiles all routes that have no errors.
pub(super) fn compile(manifest: &Manifest, sites: &[Site], scope: &mut Scope<'_>) -> Vec<Route> {
    for (method, risk) in &manifest.defaults.risk {
        if Matches::parse(&format!("{method} /")).is_err() || method == ANY_METHOD {
            scope.error(
                "defaults",
                format!("`{}` is not a method", method.escape_debug()),
                risk,
                "methods are upper-case",
            );
        }
    }
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
    let action = action(&entry.action, scope);
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
    let params = params::params(entry, manifest, &captured, scope);
    let when = entry.when.as_ref().and_then(|when| {
        let compiled = Condition::compile(&when.value, &names, &mut scope.paths);
        compiled
            .map_err(|(message, help)| scope.error("when", message, when, help))
            .ok()
    });
    let known: Vec<&str> = params.iter().map(|param| &*param.name).collect();
    let summary = entry.summary.as_ref().and_then(|summary| {
        let help = "names in braces are parameters of the route";
        scope.good(
            Summary::parse(&summary.value, &known),
            "summary",
            summary,
            help,
        )
    });
    let risk = risk(entry, &matches, manifest, scope);
    let route = Route {
        action: action?,
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
        formats: formats(entry, manifest, scope),
        limit: entry
            .limits
            .as_ref()
            .and_then(|limits| limits.body.as_ref())
            .map(|size| size.0),
        no_credential: entry.no_credential.unwrap_or(false),
        websocket: entry.websocket,
        was: was(entry, scope),
        place: (entry.matches.line, entry.matches.column),
    };
    check_only(entry, scope);
    if route.websocket {
        check_websocket(&route, entry, scope);
    } else {
        check_dialects(&route, entry, scope);
    }
    Some(route)
}

/// Returns an optional text as written.
fn text(written: Option<&At<String>>) -> Option<String> {
    written.map(|written| written.value.clone())
}

/// Returns former names in full.
fn was(entry: &RouteEntry, scope: &mut Scope<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for old in &entry.was {
        let full = ActionName::parse(&format!("{}.{}", scope.id, old.value));
        let help = "a former name, without the connector's id";
        names.extend(
            scope
                .good(full, "was", old, help)
                .map(|name| name.as_str().to_owned()),
        );
    }
    names
}

fn action(written: &At<String>, scope: &mut Scope<'_>) -> Option<ActionName> {
    let help = "the name without the connector's id, as in `issue.create`";
    if written.value.contains(['{', '}']) {
        let message = format!(
            "the dynamic name `{}` is not supported by this version",
            written.value.escape_debug()
        );
        scope.error("action", message, written, help);
        return None;
    }
    let name = scope.good(
        ActionName::parse(&format!("{}.{}", scope.id, written.value)),
        "action",
        written,
        help,
    )?;
    if written.value == "unknown" {
        scope.error(
            "action",
            "`unknown` is the fallback and cannot be a route's action",
            written,
            "name what the route does",
        );
        return None;
    }
    let doubled = written
        .value
        .strip_prefix(&*scope.id)
        .is_some_and(|rest| rest.starts_with('.'));
    if doubled {
        let message = format!("`{}` repeats the connector's id", written.value);
        scope.error("action", message, written, help);
    }
    Some(name)
}

fn risk(
    entry: &RouteEntry,
    matches: &Matches,
    manifest: &Manifest,
    scope: &mut Scope<'_>,
) -> Option<Risk> {
    if let Some(ShortOr::Short(stated)) = entry.risk.as_ref().map(|risk| &risk.value) {
        return Some(*stated);
    }
    let by_method = match matches.methods.as_slice() {
        [method] => manifest
            .defaults
            .risk
            .get(&**method)
            .map(|risk| risk.value)
            .or(match &**method {
                "GET" | "HEAD" | "OPTIONS" => Some(Risk::Low),
                "POST" | "PUT" | "PATCH" => Some(Risk::Medium),
                "DELETE" => Some(Risk::High),
                _ => None,
            }),
        _ => None,
    };
    if by_method.is_none() {
        let message = format!("`{}` has no risk by method", entry.matches.value);
        scope.error(
            "risk",
            message,
            &entry.matches,
            "state it: `risk: low`, `medium`, `high` or `critical`",
        );
    }
    by_method
}

/// Returns how bodies are read; nothing for `none`, and for a WebSocket, which is opened without one.
fn formats(entry: &RouteEntry, manifest: &Manifest, scope: &mut Scope<'_>) -> Vec<Format> {
    if entry.websocket {
        return Vec::new();
    }
    let Some(written) = entry.body.as_ref().or(manifest.body.as_ref()) else {
        return vec![Format::json()];
    };
    let names = &written.value.0;
    if names.as_slice() == ["none"] {
        return Vec::new();
    }
    let help = "list `json`, `form`, `multipart`, a media type that is JSON (`application/merge-patch+json`), or say `none`";
    if names.is_empty() {
        scope.error("body", "`body` is an empty list", written, help);
    }
    let mut formats = Vec::new();
    for name in names {
        let format = scope.good(Format::parse(name), "body", written, help);
        if format
            .as_ref()
            .is_some_and(|format| formats.contains(format))
        {
            scope.error("body", format!("`{name}` is listed twice"), written, help);
        }
        formats.extend(format);
    }
    formats
}

fn check_only(entry: &RouteEntry, scope: &mut Scope<'_>) {
    if let (Some(only), None) = (&entry.only, &entry.when) {
        scope.error(
            "only",
            "`only` needs a `when`",
            only,
            "it says which body keys a `when` route stands for",
        );
    }
}

/// What a route reads in a body must be found in the dialects that it lists.
fn check_dialects(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    let json = |kind: Kind| kind == Kind::Json;
    let reads_json = route.body_paths().next().is_some();
    let reads_form = route.form_names().next().is_some();
    if route.formats.is_empty() && (reads_json || reads_form || route.only.is_some()) {
        let message = "the route reads the body, and says `body: none`";
        scope.error("body", message, &entry.matches, "drop one of the two");
        return;
    }
    if reads_json && !route.has_kind(json) {
        let message = "the route reads JSON, and its `body` is none";
        scope.error(
            "body",
            message,
            &entry.matches,
            "add `json` to `body`, or read `form:` names",
        );
    }
    if reads_form && !route.has_kind(Kind::has_names) {
        let message = "the route reads a form, and its `body` is none";
        scope.error(
            "body",
            message,
            &entry.matches,
            "say `body: form`, or `body: [json, form]`",
        );
    }
    // In the other dialect the condition could never hold, and the request would pass as its plain sibling.
    let Some((when, written)) = route.when.as_ref().zip(entry.when.as_ref()) else {
        return;
    };
    let beside_json = !when.body_paths.is_empty() && route.has_kind(|kind| !json(kind));
    let beside_form = !when.form.is_empty() && route.has_kind(|kind| !kind.has_names());
    if beside_json || beside_form {
        let message = "`when` reads one dialect, and `body` lists others too";
        scope.error(
            "body",
            message,
            written,
            "write a route for each dialect, with its own `body` and `when`",
        );
    }
}

/// RFC 6455 section 4.1: a WebSocket is opened by a GET without a body.
fn check_websocket(route: &Route, entry: &RouteEntry, scope: &mut Scope<'_>) {
    if route.matches.methods.as_slice() != [Box::from("GET")] {
        let message = format!("`{}` cannot open a WebSocket", entry.matches.value);
        let help = "a WebSocket is opened by `GET`";
        scope.error("websocket", message, &entry.matches, help);
    }
    let reads = route.body_paths().next().is_some() || route.form_names().next().is_some();
    if reads || route.only.is_some() || entry.body.is_some() {
        scope.error(
            "websocket",
            "the route reads the body, and a WebSocket is opened without one",
            &entry.matches,
            "read the query or headers, or drop `websocket: true`",
        );
    }
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
                Origin::Captured(_) | Origin::Query(_) | Origin::Form(_) | Origin::Body(_) => {}
            }
        }
    }
    names.sort();
    names.dedup();
    names
}
