//! Compiled routes to groups of siblings and one trie a method; two routes that nothing tells apart are a conflict.

use std::collections::HashMap;

use super::super::body::{Keys, NamePath, Plan};
use super::super::route::{Group, Route, exclusive_keys};
use super::super::trie::Trie;
use super::Scope;
use crate::config::diagnostic::{Diagnostic, Place};

/// The tries of a connector, by method.
type Tries = HashMap<Box<str>, Trie>;

/// Groups routes; the numbers in the tries are those of the groups.
pub(super) fn compile(routes: &[Route], scope: &mut Scope<'_>) -> (Vec<Group>, Tries) {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<(Box<str>, String), usize> = HashMap::new();
    for (number, route) in (0_u32..).zip(routes) {
        for method in route.method_keys() {
            let key = (method.into(), route.matches.shape());
            let at = *known.entry(key).or_insert_with(|| {
                groups.push(Group {
                    method: method.into(),
                    matches: route.matches.clone(),
                    routes: Vec::new(),
                    plan: None,
                    formats: Vec::new(),
                    limit: None,
                    match_keys: Vec::new(),
                    body_keys: Vec::new(),
                    query_keys: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(at) {
                group.routes.push(number);
            }
        }
    }
    share_match_keys(&mut groups);
    let mut tries = Tries::new();
    for (number, group) in (0_u32..).zip(&mut groups) {
        let siblings: Vec<&Route> = group
            .routes
            .iter()
            .filter_map(|number| routes.get(*number as usize))
            .collect();
        check(&siblings, scope);
        check_opening(&siblings, scope);
        finish(group, &siblings, scope);
        tries
            .entry(group.method.clone())
            .or_default()
            .insert(&group.matches.path, number);
    }
    (groups, tries)
}

/// Where the query tells routes apart, all of them depend on its keys: those that lack a key too.
fn share_match_keys(groups: &mut [Group]) {
    let mut shared: HashMap<(Box<str>, String), Vec<Box<str>>> = HashMap::new();
    for group in &*groups {
        let mut keys = group.matches.query_keys().map(Box::from).peekable();
        if keys.peek().is_some() {
            shared
                .entry((group.method.clone(), group.matches.path_shape()))
                .or_default()
                .extend(keys);
        }
    }
    if shared.is_empty() {
        return;
    }
    for group in groups {
        let keys = shared.get(&(group.method.clone(), group.matches.path_shape()));
        let mut keys = keys.cloned().unwrap_or_default();
        keys.sort();
        keys.dedup();
        group.match_keys = keys.iter().map(|key| NamePath::plain(key)).collect();
    }
}

fn finish(group: &mut Group, siblings: &[&Route], scope: &Scope<'_>) {
    (group.body_keys, group.query_keys) = exclusive_keys(siblings, &scope.paths);
    let match_keys = group.match_keys.iter().map(|name| name.root().into());
    group.query_keys.extend(match_keys);
    group.limit = siblings.iter().filter_map(|route| route.limit).max();
    for format in siblings.iter().flat_map(|route| &route.formats) {
        if !group.formats.contains(format) {
            group.formats.push(format.clone());
        }
    }
    let silent = siblings.iter().any(|route| route.formats.is_empty());
    if reads_body(siblings) || (!group.match_keys.is_empty() && !silent) {
        let kept =
            !group.query_keys.is_empty() || siblings.iter().any(|route| route.only.is_some());
        let keys = if kept { Keys::Kept } else { Keys::Dropped };
        let ids = siblings.iter().flat_map(|route| route.body_paths());
        group.plan = Some(Plan::new(ids, &scope.paths, keys));
    }
}

/// Returns whether routes of one match read the body: one of them does, or they are told apart by how it is read.
fn reads_body(siblings: &[&Route]) -> bool {
    let mut reading = siblings.iter().filter(|route| !route.formats.is_empty());
    let first = reading.next().map(|route| &route.formats);
    siblings.iter().any(|route| route.needs_body())
        || reading.any(|route| Some(&route.formats) != first)
}

fn check(siblings: &[&Route], scope: &mut Scope<'_>) {
    check_twins(siblings, scope);
    check_only(siblings, scope);
    check_silent(siblings, scope);
}

/// Routes that nothing tells apart.
fn check_twins(siblings: &[&Route], scope: &mut Scope<'_>) {
    for (at, route) in siblings.iter().enumerate() {
        let mut earlier = siblings.iter().take(at);
        let twin =
            earlier.find(|other| other.when_text == route.when_text && other.shares_format(route));
        let Some(twin) = twin else { continue };
        let conflict = Diagnostic::error(
            "route-conflict",
            format!("two routes accept `{}`", route.text),
        );
        let conflict = conflict.at(place(twin, scope)).at(place(route, scope));
        scope
            .report
            .push(conflict.help("tell them apart with `when`, or by `body`"));
    }
}

/// What `only` leaves over must be something.
fn check_only(siblings: &[&Route], scope: &mut Scope<'_>) {
    for route in siblings.iter().filter(|route| route.only.is_some()) {
        let mut others = siblings.iter();
        if others.any(|other| other.when_text.is_none() && other.shares_format(route)) {
            continue;
        }
        let message = format!(
            "`{}` has `only`, and no route without `when` for other keys",
            route.action
        );
        let missing = Diagnostic::error("only", message).at(place(route, scope));
        scope
            .report
            .push(missing.help("add a route with the same `match` and no `when`"));
    }
}

/// A body that a sibling must see is read for all of them.
fn check_silent(siblings: &[&Route], scope: &mut Scope<'_>) {
    let never = siblings.iter().find(|route| route.formats.is_empty());
    if let Some(never) = never.filter(|_| reads_body(siblings)) {
        let message = format!(
            "`{}` says `body: none`, and a route with the same match reads the body",
            never.action
        );
        let conflict = Diagnostic::error("body", message).at(place(never, scope));
        scope.report.push(conflict.help("drop `body: none`"));
    }
}

fn place(route: &Route, scope: &Scope<'_>) -> Place {
    let (line, column) = route.place;
    Place {
        source: scope.source.clone(),
        line,
        column,
        note: route.action.to_string(),
    }
}

/// What no `when` accepts would be the fallback, which opens no WebSocket.
fn check_opening(siblings: &[&Route], scope: &mut Scope<'_>) {
    let guarded = siblings.iter().all(|route| route.when_text.is_some());
    let Some(route) = siblings.first().filter(|route| route.websocket && guarded) else {
        return;
    };
    let message = format!("`{}` has no route without `when`", route.text);
    let help = "add one with the same `match`; which may be opened is what policies say";
    scope.report.push(
        Diagnostic::error("websocket", message)
            .at(place(route, scope))
            .help(help),
    );
}
