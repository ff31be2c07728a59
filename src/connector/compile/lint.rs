//! Warns about a connector that loads: what is probably not meant, and what policies cannot hold on to.

pub(crate) mod reach;
pub(crate) mod replaced;
mod secrets;
pub(crate) mod tried;
pub(crate) mod wording;

use crate::config::diagnostic::Diagnostic;
use crate::connector::compile::Scope;
use crate::connector::compile::lint::tried::Tried;
use crate::connector::model::connector::Connector;
use crate::connector::model::error_shape::ErrorShape;
use crate::connector::model::header_rules::Unknown;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::parameter::Origin;
use crate::connector::model::route::Route;
use crate::model::action::Risk;

/// Adds the warnings. Of a route that stands in a file below (`extends`) only what the upper file can have changed is told: the
/// rest is told of that file, and a file that extends it cannot fix it.
pub(crate) fn check(connector: &Connector, scope: &mut Scope<'_>) {
    for siblings in connector
        .groups
        .iter()
        .flat_map(|group| group.table.siblings())
    {
        check_siblings(connector, siblings, scope);
    }
    check_errors(connector, scope);
    let own = scope.source;
    let tried = Tried::of(connector);
    for route in &connector.routes {
        check_risk(route, scope);
        check_reach(connector, route, scope);
        if route.source.name == own.name {
            check_route(connector, route, &tried, scope);
        }
    }
    if connector.header_rules.unknown == Unknown::Passes
        && let Some(place) = connector.routes.first().map(Route::place)
    {
        let message = format!(
            "`{}` lets every header pass (`unknown_headers: pass`)",
            connector.id
        );
        let warning = Diagnostic::warning("unknown-headers", message).at(place);
        scope.report.push(warning.help("list what the API needs under `allow_headers`, so that every header that changes something is judged"));
    }
    secrets::check(connector, scope);
}

/// An error of JSON-RPC is an answer only under the id of its call, which is not read where no route says `rpc`.
fn check_errors(connector: &Connector, scope: &mut Scope<'_>) {
    let reads = connector
        .groups
        .iter()
        .any(|group| group.table.kind == OperationKind::Rpc);
    if reads || !connector.errors.iter().any(ErrorShape::needs_rpc_id) {
        return;
    }
    if let Some(route) = connector.routes.first() {
        let message =
            "`errors` names the JSON-RPC call, and no route reads one; refusals are problem+json";
        let help = "say `rpc: …` on the routes that carry JSON-RPC, or leave `errors` out";
        warn(scope, "errors-without-rpc", message.to_owned(), route, help);
    }
}

fn check_siblings(connector: &Connector, siblings: &[u32], scope: &mut Scope<'_>) {
    let routes = || {
        siblings
            .iter()
            .filter_map(|number| connector.route(*number))
    };
    let Some(route) = routes()
        .next()
        .filter(|_| routes().all(|route| route.when.is_some() && !reach::is_for_some_hosts(route)))
    else {
        return;
    };
    let message = format!(
        "`{}` has a `when` and no route without one; other requests are `{}`",
        route.text, connector.fallback
    );
    let help = "add a route with the same `match` and no `when`";
    warn(scope, "when-without-plain", message, route, help);
}

fn check_risk(route: &Route, scope: &mut Scope<'_>) {
    if route.risk.highest() == Risk::Low
        && route
            .matches
            .methods
            .iter()
            .any(|method| **method == *"DELETE")
    {
        let message = format!("`{}` deletes with risk low", route.name.as_str());
        warn(
            scope,
            "low-risk-delete",
            message,
            route,
            "state a higher risk, if it deletes what somebody needs",
        );
    }
}

/// A route of `risk: low` is what `read_only` allows, so one whose method writes has to say that it only reads.
fn check_reads(route: &Route, scope: &mut Scope<'_>) {
    let reads = route.reads || wording::has_safe_method(route);
    let deletes = route
        .matches
        .methods
        .iter()
        .any(|method| **method == *"DELETE");
    if reads || deletes || route.options.websocket || route.risk.highest() > Risk::Low {
        return;
    }
    let message = format!(
        "`{}` is low, and `{}` may write",
        route.name.as_str(),
        route.text
    );
    let help = "say `reads: true` if it only reads, since `read_only` allows what is low; else state its risk";
    warn(scope, "low-risk-write", message, route, help);
}

fn check_route(connector: &Connector, route: &Route, tried: &Tried<'_>, scope: &mut Scope<'_>) {
    // A connector whose domains the operator still has to list has no URL to test with.
    if !connector.endpoints.is_empty() && !tried.covers(route) {
        let message = format!("no test names `{}`", route.name.as_str());
        warn(
            scope,
            "missing-test",
            message,
            route,
            "add one under `tests:`",
        );
    }
    // A connector whose domains the operator still has to list is meant for any API.
    if !connector.endpoints.is_empty() && reach::catches_all(route) {
        let message = format!("`{}` stands for whatever the API has", route.text);
        let help = "name what is known; the rest is the fallback, which must be allowed by name";
        warn(scope, "catch-all", message, route, help);
    }
    check_identifiers(route, scope);
    check_reads(route, scope);
    check_wording(route, scope);
}

fn check_identifiers(route: &Route, scope: &mut Scope<'_>) {
    for param in &route.params {
        let identifier = param.name.ends_with("_id") || param.name.ends_with("key");
        let in_path = param
            .origins
            .iter()
            .any(|origin| matches!(origin, Origin::Captured(_)));
        let loose = param.pattern.is_none() && param.fold.is_none();
        if identifier
            && in_path
            && loose
            && route.matches.path.names().any(|name| *name == param.name)
        {
            let message = format!(
                "`{}` of `{}` identifies something and has no `pattern` or `fold`",
                param.name,
                route.name.as_str()
            );
            warn(
                scope,
                "loose-identifier",
                message,
                route,
                "without one, another spelling may pass a policy on it",
            );
        }
    }
}

fn check_wording(route: &Route, scope: &mut Scope<'_>) {
    let name = route.name.as_str();
    let low = route.risk.highest() == Risk::Low;
    if let Some(word) = wording::writes_by_get(route).filter(|_| low) {
        let message = format!("`{name}` says `{word}`, and `{}` only reads", route.text);
        let help =
            "name what it does; one that does write by GET needs `risk` and no name of a read";
        warn(scope, "get-that-writes", message, route, help);
    }
    if let Some(word) = wording::hands_out(route) {
        let message = format!("`{name}` makes a {word}, and has no `response_secrets`");
        let help = "say where the answer holds it, as in `response_secrets: [$.token]`, or `response_secrets: []` if it does not";
        warn(scope, "missing-response-secrets", message, route, help);
    }
}

fn check_reach(connector: &Connector, route: &Route, scope: &mut Scope<'_>) {
    // A host in front of a path that no domain covers is never looked up. A file that extends another may leave hosts of that out.
    let own = route.source.name == scope.source.name;
    let own_host = route.matches.host.as_ref().filter(|_| own);
    if own_host.is_some_and(|host| {
        !connector
            .endpoints
            .iter()
            .any(|endpoint| endpoint.domain.overlaps(host))
    }) {
        let message = format!(
            "`{}` is for a host that is not among the connector's domains",
            route.text
        );
        warn(
            scope,
            "unreachable-route",
            message,
            route,
            "add the host to `domains`",
        );
    }
    if let Some(reason) = reach::unreachable_path(connector, route) {
        let message = format!("no request reaches `{}`: {reason}", route.text);
        let help =
            "write the path as canonical ones are, or list what the API needs under `paths.allow`";
        warn(scope, "unreachable-route", message, route, help);
    }
    if let Some(other) = reach::shadow(connector, route) {
        let message = format!(
            "`{}` is never taken: `{}` is, on every host",
            route.text, other.text
        );
        let help = "drop one of the two, or the host in front";
        warn(scope, "shadowed-route", message, route, help);
    }
    for param in &route.params {
        let mut reasons = param.origins.iter();
        let reason = reasons.find_map(|origin| reach::never_found(connector, route, origin));
        if let Some(reason) = reason {
            let name = route.name.as_str();
            let message = format!("`{}` of `{name}` is never found: {reason}", param.name);
            warn(
                scope,
                "parameter-never-found",
                message,
                route,
                "read it elsewhere, or drop it",
            );
        }
    }
}

fn warn(scope: &mut Scope<'_>, code: &'static str, message: String, route: &Route, help: &str) {
    let place = route.place();
    scope
        .report
        .push(Diagnostic::warning(code, message).at(place).help(help));
}
