//! Tells operations of one name apart by what else they say, in an order that does not depend on the file.

use std::collections::{BTreeMap, BTreeSet};

use super::resource::{is_noise, says_api, versionless};
use super::words::{segment, words};
use super::{Name, parameter};
use crate::import::api::{Operation, RequestPart, UPLOAD};
use crate::import::existing::Existing;

/// Words kept of what tells two operations apart.
const MAX_WORDS: usize = 4;

/// Gives every operation a name of its own, but for one thing at several versions of the API, or sent in several ways, which is one
/// action. The one
/// that says least beyond its name keeps the short one.
pub(crate) fn tell_apart(
    operations: &[Operation],
    mut names: Vec<Name>,
    existing: &Existing,
) -> Vec<Name> {
    let mut groups: BTreeMap<String, Vec<Thing>> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        let known = existing.actions.get(at).is_some_and(Option::is_some);
        let Some(operation) = operations.get(at).filter(|_| !known) else {
            continue;
        };
        let key = thing(operation);
        let things = groups.entry(name.text()).or_default();
        match things.iter_mut().find(|known| known.key == key) {
            Some(known) => known.members.push(at),
            None => things.push(Thing {
                key,
                members: vec![at],
            }),
        }
    }
    let mut used: BTreeSet<String> = existing.taken.iter().cloned().collect();
    let mut late: Vec<(Thing, bool)> = Vec::new();
    for (text, mut things) in groups {
        for known in &mut things {
            known
                .members
                .sort_by_key(|at| rank(operations.get(*at), names.get(*at)));
        }
        things.sort_by_key(|known| {
            known
                .members
                .first()
                .map(|at| rank(operations.get(*at), names.get(*at)))
        });
        let paths: Vec<String> = things.iter().map(|known| known.key.1.clone()).collect();
        let mut things = things.into_iter();
        if used.insert(text) {
            things.next();
        }
        late.extend(things.map(|known| {
            let same_path = paths.iter().filter(|path| **path == known.key.1).count() > 1;
            (known, same_path)
        }));
    }
    // Short names are given first: a longer one must not take what another operation is simply called.
    for (known, same_path) in late {
        let first = known.members.first().copied().unwrap_or_default();
        let (Some(operation), Some(name)) = (operations.get(first), names.get(first)) else {
            continue;
        };
        let fresh = apart(operation, name, same_path, &used);
        used.insert(fresh.text());
        for at in known.members {
            if let Some(name) = names.get_mut(at) {
                name.resource.clone_from(&fresh.resource);
            }
        }
    }
    names
}

/// Operations that are one thing at several versions of an API.
#[derive(Debug)]
struct Thing {
    /// Method, path without versions and without what says that it is an upload, GraphQL field.
    key: (String, String, Option<RequestPart>),
    members: Vec<usize>,
}

fn thing(operation: &Operation) -> (String, String, Option<RequestPart>) {
    let host = operation
        .elsewhere
        .as_ref()
        .map(|server| server.host.as_str())
        .unwrap_or_default();
    let path = operation
        .path
        .strip_suffix(UPLOAD)
        .unwrap_or(&operation.path);
    (
        operation.method.clone(),
        format!("{host}{}", versionless(path)),
        operation.part.clone(),
    )
}

/// Returns a name that nothing else has.
fn apart(operation: &Operation, name: &Name, same_path: bool, used: &BTreeSet<String>) -> Name {
    let longer = |way: &String| {
        let mut candidate = name.clone();
        candidate.resource.push(way.clone());
        candidate
    };
    let mut ways = ways(operation, name);
    if same_path && operation.part.is_none() {
        ways.insert(0, operation.method.to_lowercase());
    }
    let mut candidates = ways.iter().filter(|way| !way.is_empty()).map(longer);
    if let Some(fresh) = candidates.find(|candidate| !used.contains(&candidate.text())) {
        return fresh;
    }
    let numbered = |number: usize| {
        let mut candidate = name.clone();
        if let Some(last) = candidate.resource.last_mut() {
            last.push_str(&format!("_{number}"));
        } else {
            candidate.resource.push(format!("n{number}"));
        }
        candidate
    };
    (2..)
        .map(numbered)
        .find(|candidate| !used.contains(&candidate.text()))
        .unwrap_or_else(|| name.clone())
}

/// Least said first, then the shortest path, then by text, which is there whatever the order of the file.
fn rank(operation: Option<&Operation>, name: Option<&Name>) -> (usize, usize, String, String) {
    let path = operation.map_or("", |operation| operation.path.as_str());
    let part = operation.and_then(|operation| operation.part.as_ref());
    let part = part.map_or("", RequestPart::text);
    let method = operation.map_or("", |operation| operation.method.as_str());
    let spare = name.map_or(0, |name| name.spare.len());
    (
        spare,
        path.split('/').count(),
        format!("{path} {part}"),
        method.to_owned(),
    )
}

/// Returns segments that could tell it apart, the best first.
fn ways(operation: &Operation, name: &Name) -> Vec<String> {
    let spare: Vec<String> = name.spare.iter().take(MAX_WORDS).cloned().collect();
    let mut captured: Vec<String> = operation
        .path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| parameter(name.trim_start_matches('*')))
        .collect();
    let last = captured
        .pop()
        .map(|name| format!("by_{}", without_id(&name)));
    let all = captured
        .iter()
        .map(|name| without_id(name))
        .collect::<Vec<_>>()
        .join("_");
    let host = operation
        .elsewhere
        .as_ref()
        .map(|server| server.host.split('.').next().unwrap_or_default().to_owned());
    [
        Some(segment(&spare)),
        last,
        (!all.is_empty()).then(|| format!("of_{all}")),
        host.map(|host| segment(&words(&host))),
        Some(operation.method.to_lowercase()),
    ]
    .into_iter()
    .flatten()
    .filter(|way| !is_noise(way, false) && !says_api(way))
    .collect()
}

fn without_id(name: &str) -> String {
    name.strip_suffix("_id").unwrap_or(name).to_owned()
}
