//! Keys of the format that are read but not honoured yet: each is an error, so that no file is thought to say more than it does.

use super::super::manifest::{Manifest, RouteEntry};
use super::Scope;
use crate::config::yaml::At;

/// Tells every key that this version cannot honour.
pub(super) fn check(manifest: &Manifest, scope: &mut Scope<'_>) {
    let id = &manifest.connector;
    let mut missing = |key: &str, there: bool| {
        if there {
            tell(key, id, scope);
        }
    };
    missing("native", manifest.native.is_some());
    for route in &manifest.routes {
        check_route(route, scope);
    }
}

fn check_route(route: &RouteEntry, scope: &mut Scope<'_>) {
    let mut missing = |key: &str, there: bool| {
        if there {
            tell(key, &route.action, scope);
        }
    };
    missing("each", route.each.is_some());
    missing("git", route.git);
    let cel = route
        .params
        .0
        .iter()
        .any(|(_, param)| param.value.0.cel.is_some());
    missing("params.cel", cel);
}

fn tell<T>(key: &str, at: &At<T>, scope: &mut Scope<'_>) {
    scope.error(
        "not-yet",
        format!("`{key}` is not honoured by this version"),
        at,
        "leave it out",
    );
}
