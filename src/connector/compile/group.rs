//! Compiled routes to groups of siblings and one trie a method; two routes that nothing tells apart are a conflict.

use std::collections::HashMap;

use super::super::body::{Keys, Plan};
use super::super::route::{BodyUse, Group, Route, exclusive_keys};
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
        for method in &route.matches.methods {
            let key = (method.clone(), route.matches.shape());
            let at = *known.entry(key).or_insert_with(|| {
                groups.push(Group {
                    method: method.clone(),
                    matches: route.matches.clone(),
                    routes: Vec::new(),
                    plan: None,
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
        group.match_keys = keys.cloned().unwrap_or_default();
        group.match_keys.sort();
        group.match_keys.dedup();
    }
}

fn finish(group: &mut Group, siblings: &[&Route], scope: &Scope<'_>) {
    (group.body_keys, group.query_keys) = exclusive_keys(siblings, &scope.paths);
    group.query_keys.extend(group.match_keys.iter().cloned());
    group.limit = siblings.iter().filter_map(|route| route.limit).max();
    let by_query =
        !group.match_keys.is_empty() && siblings.iter().all(|route| route.body == BodyUse::Json);
    if by_query || siblings.iter().any(|route| route.needs_body()) {
        let kept =
            !group.query_keys.is_empty() || siblings.iter().any(|route| route.only.is_some());
        let keys = if kept { Keys::Kept } else { Keys::Dropped };
        let ids = siblings.iter().flat_map(|route| route.body_paths());
        group.plan = Some(Plan::new(ids, &scope.paths, keys));
    }
}

fn check(siblings: &[&Route], scope: &mut Scope<'_>) {
    let place = |route: &Route, scope: &Scope<'_>| {
        let (line, column) = route.place;
        Place {
            source: scope.source.clone(),
            line,
            column,
            note: route.action.to_string(),
        }
    };
    for (at, route) in siblings.iter().enumerate() {
        let twin = siblings
            .iter()
            .take(at)
            .find(|other| other.when_text == route.when_text);
        let Some(twin) = twin else { continue };
        let conflict = Diagnostic::error(
            "route-conflict",
            format!("two routes accept `{}`", route.text),
        );
        let conflict = conflict.at(place(twin, scope)).at(place(route, scope));
        scope
            .report
            .push(conflict.help("tell them apart with `when`"));
    }
    let plain = siblings.iter().any(|route| route.when_text.is_none());
    for route in siblings
        .iter()
        .filter(|route| route.only.is_some() && !plain)
    {
        let missing = Diagnostic::error(
            "only",
            format!(
                "`{}` has `only`, and no route without `when` for other keys",
                route.action
            ),
        );
        scope.report.push(
            missing
                .at(place(route, scope))
                .help("add a route with the same `match` and no `when`"),
        );
    }
    let reads = siblings.iter().any(|route| route.needs_body());
    if let Some(never) = siblings
        .iter()
        .find(|route| route.body == BodyUse::Never)
        .filter(|_| reads)
    {
        let message = format!(
            "`{}` says `body: none`, and a route with the same match reads the body",
            never.action
        );
        scope.report.push(
            Diagnostic::error("body", message)
                .at(place(never, scope))
                .help("drop `body: none`"),
        );
    }
}
