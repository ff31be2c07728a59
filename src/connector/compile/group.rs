//! Joins compiled routes into groups of siblings and one router a method; two routes that nothing tells apart are a conflict.

mod labels;
mod match_keys;

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::diagnostic::Diagnostic;
use crate::connector::compile::Scope;
use crate::connector::compile::paths::Paths;
use crate::connector::compile::plan::Keys;
use crate::connector::compile::router::{Routers, routers};
use crate::connector::model::batch::Batch;
use crate::connector::model::body_path::PathId;
use crate::connector::model::format::Format;
use crate::connector::model::group::Group;
use crate::connector::model::name_path::NamePath;
use crate::connector::model::operation::OperationKind;
use crate::connector::model::parameter::Origin;
use crate::connector::model::plan::Plan;
use crate::connector::model::route::Route;
use crate::connector::model::rpc::RpcEnvelope;
use crate::model::target::may_be;

/// Groups routes; the numbers in the routers are those of the groups.
pub(crate) fn compile(routes: &[Route], scope: &mut Scope<'_>) -> (Vec<Group>, Routers) {
    let mut groups = gather(routes, scope);
    match_keys::share_match_keys(&mut groups);
    for group in &mut groups {
        let resolve = |numbers: &[u32]| -> Vec<&Route> {
            let numbers = numbers.iter();
            numbers
                .filter_map(|number| routes.get(*number as usize))
                .collect()
        };
        for siblings in group.table.siblings() {
            let siblings = resolve(siblings);
            check_twins(&siblings, scope);
            check_only(&siblings, scope);
        }
        let all = resolve(&group.table.routes());
        check_silent(&all, scope);
        check_opening(&all, scope);
        labels::check(group, &all, scope);
        finish(group, &all, scope);
    }
    let routers = routers(&groups).unwrap_or_else(|error| {
        let error = Diagnostic::error("match", error.to_string());
        scope
            .report
            .push(error.help("write the path in another way"));
        Routers::default()
    });
    (groups, routers)
}

/// Puts every route into the group of each of its methods.
fn gather(routes: &[Route], scope: &mut Scope<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<(Box<str>, String), usize> = HashMap::new();
    for (number, route) in (0_u32..).zip(routes) {
        for method in route.method_keys() {
            let key = (method.into(), route.matches.shape());
            let at = *known.entry(key).or_insert_with(|| {
                groups.push(Group::new(method.into(), route));
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else {
                continue;
            };
            group.add_names(&route.matches);
            if group.table.kind != route.kind {
                let message = format!(
                    "`{}` reads a request in parts, and another route with the same match reads it otherwise",
                    route.name.as_str()
                );
                let conflict = Diagnostic::error("parts", message).at(route.place());
                let help = "say `graphql`, or `rpc`, at all routes of this match; `'*'` is for what no other is for";
                scope.report.push(conflict.help(help));
            }
            for pattern in &route.patterns {
                group.table.insert(pattern, number);
            }
        }
    }
    groups.shrink_to_fit();
    groups
}

fn finish(group: &mut Group, siblings: &[&Route], scope: &Scope<'_>) {
    // Arguments of GraphQL are not keys of the body; the reader of GraphQL checks those of the request itself.
    if group.table.kind != OperationKind::Graphql {
        let (body_keys, mut query_keys) = exclusive_keys(siblings, &scope.paths);
        let match_keys = group.match_keys.iter().map(|name| name.root().into());
        query_keys.extend(match_keys);
        (group.body_keys, group.query_keys) = (body_keys.into(), query_keys.into());
        group.twins = twins(siblings);
    }
    let params = siblings.iter().flat_map(|route| &*route.params);
    let secret = params.filter(|param| param.secret && param.reads_label(&param.name));
    group.secret_labels = secret.map(|param| Arc::clone(&param.name)).collect();
    group.limit = siblings
        .iter()
        .filter_map(|route| route.options.body_limit)
        .max();
    // It has those of its first route.
    let mut others = siblings.iter().flat_map(|route| &*route.formats);
    if others.any(|format| !group.formats.contains(format)) {
        let mut formats: Vec<Format> = Vec::new();
        for format in siblings.iter().flat_map(|route| &*route.formats) {
            if !formats.contains(format) {
                formats.push(format.clone());
            }
        }
        group.formats = formats.into();
    }
    let silent = siblings.iter().any(|route| route.formats.is_empty());
    let has_operations = group.table.kind != OperationKind::Whole;
    // A credential of the agent's own may be in any body.
    let guarded = !scope.client_credentials.is_empty() && !silent;
    if has_operations
        || guarded
        || reads_body(siblings)
        || (!group.match_keys.is_empty() && !silent)
    {
        let kept =
            !group.query_keys.is_empty() || siblings.iter().any(|route| route.only.is_some());
        let keys = if kept { Keys::Kept } else { Keys::Dropped };
        let ids = siblings.iter().flat_map(|route| route.body_paths());
        let envelope = scope.rpc.filter(|_| group.table.kind == OperationKind::Rpc);
        let envelope = envelope.into_iter().flat_map(RpcEnvelope::paths);
        let credentials = scope.client_credentials.json.iter().map(|(path, _)| *path);
        let credentials = credentials.filter(|_| {
            matches!(
                group.table.kind,
                OperationKind::Whole | OperationKind::Batch
            )
        });
        let members = match group.batch.as_deref() {
            Some(Batch::Json(members)) => members.ids.as_slice(),
            Some(Batch::Multipart | Batch::Undecoded) | None => &[],
        };
        let ids = ids
            .chain(envelope)
            .chain(credentials)
            .chain(members.iter().copied());
        group.plan = Some(Plan::new(ids, &scope.paths, keys).into());
    }
}

/// Returns the names of query and form that some server could take for another one that is read too.
fn twins(siblings: &[&Route]) -> Box<[Box<str>]> {
    let roots = siblings.iter().flat_map(|route| {
        let form = route.form_names().map(NamePath::root);
        route.query_keys().chain(form)
    });
    let mut roots: Vec<&str> = roots.collect();
    roots.sort_unstable();
    roots.dedup();
    let is_twin = |root: &&&str| {
        let mut others = roots.iter().filter(|other| other != root);
        others.any(|other| may_be(other, root) || may_be(root, other))
    };
    let twins = roots.iter().filter(is_twin);
    twins.map(|root| Box::from(*root)).collect()
}

/// Returns whether routes of one match read the body: one of them does, or they are told apart by how it is read.
fn reads_body(siblings: &[&Route]) -> bool {
    let mut reading = siblings.iter().filter(|route| !route.formats.is_empty());
    let first = reading.next().map(|route| &route.formats);
    siblings.iter().any(|route| route.needs_body())
        || reading.any(|route| Some(&route.formats) != first)
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
        let conflict = conflict.at(twin.place()).at(route.place());
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
            route.name.as_str()
        );
        let missing = Diagnostic::error("only", message).at(route.place());
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
            never.name.as_str()
        );
        let conflict = Diagnostic::error("body", message).at(never.place());
        scope.report.push(conflict.help("drop `body: none`"));
    }
}

/// What no `when` accepts would be the fallback, which opens no WebSocket.
fn check_opening(siblings: &[&Route], scope: &mut Scope<'_>) {
    let guarded = siblings.iter().all(|route| route.when_text.is_some());
    let Some(route) = siblings
        .first()
        .filter(|route| route.options.websocket && guarded)
    else {
        return;
    };
    let message = format!("`{}` has no route without `when`", route.text);
    let help = "add one with the same `match`; which may be opened is what policies say";
    scope.report.push(
        Diagnostic::error("websocket", message)
            .at(route.place())
            .help(help),
    );
}

/// The keys that one place of a request must not have, since routes read them in the other: of the body and of the query.
pub(crate) fn exclusive_keys(routes: &[&Route], paths: &Paths) -> (Vec<Box<str>>, Vec<Box<str>>) {
    let key_of = |path: PathId| paths.get(path).and_then(|path| path.last_key.clone());
    let root_of = |name: &NamePath| Box::from(name.root());
    let mut body = Vec::new();
    let mut query = Vec::new();
    for route in routes {
        for param in &route.params {
            let origins = || param.origins.iter();
            let in_json = origins().filter_map(Origin::body_path).filter_map(key_of);
            let in_form = origins().filter_map(Origin::form_name).map(root_of);
            let in_body: Vec<Box<str>> = in_json.chain(in_form).collect();
            let in_query: Vec<Box<str>> = origins()
                .filter_map(Origin::query_name)
                .map(root_of)
                .collect();
            // A parameter that lists both places compares them itself.
            let mut alone = in_body.clone();
            alone.retain(|key| !in_query.contains(key));
            body.extend(alone);
            query.extend(in_query.into_iter().filter(|key| !in_body.contains(key)));
        }
        query.extend(route.matches.query_keys().map(Box::from));
        let Some(when) = &route.when else { continue };
        body.extend(when.body_paths.iter().copied().filter_map(key_of));
        body.extend(when.form.iter().map(root_of));
        query.extend(when.query.iter().map(root_of));
    }
    for keys in [&mut body, &mut query] {
        keys.sort();
        keys.dedup();
    }
    (body, query)
}
