//! Compiles names of actions as written into names that are fixed or made, and the former ones.

use crate::config::yaml::At;
use crate::connector::compile::Scope;
use crate::connector::manifest::route::RouteEntry;
use crate::connector::model::naming::{Making, Name};
use crate::model::action::ActionName;

/// Reads the name of a route's action.
pub(crate) fn name(written: &At<String>, scope: &mut Scope<'_>) -> Option<Name> {
    let help = "the name without the connector's id, as in `issue.create`";
    if written.value.contains(['{', '}']) {
        let making = Making::parse(&scope.id, &written.value);
        return scope.good(making, "action", written, help).map(Name::Made);
    }
    let name = scope.good(
        ActionName::parse(&format!("{}.{}", scope.id, written.value)),
        "action",
        written,
        help,
    )?;
    if ["unknown", "reply", "git.probe", "tunnel.open"].contains(&written.value.as_str()) {
        let message = format!(
            "`{}` is the gateway's own and cannot be a route's action",
            written.value
        );
        scope.error("action", message, written, "name what the route does");
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
    Some(Name::Fixed(name))
}

/// Returns former names in full.
pub(crate) fn renamed_from(entry: &RouteEntry, scope: &mut Scope<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for old in &entry.renamed_from {
        let full = ActionName::parse(&format!("{}.{}", scope.id, old.value));
        let help = "a former name, without the connector's id";
        names.extend(
            scope
                .good(full, "renamed-from", old, help)
                .map(|name| name.as_str().to_owned()),
        );
    }
    names
}
