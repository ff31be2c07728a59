//! Adds routes for new operations to an existing connector file; everything else stays byte for byte.
//!
//! INVARIANT: the new text is read again and compared: what was in the file is still in it, unchanged and in order.

mod insert;

use serde_json::Value;

use super::api::{Api, Operation, RequestPart};
use super::draft::{self, MatchTarget};
use super::existing::Existing;
use super::names;
use crate::config::diagnostic::{Diagnostic, Place, Report, Source};
use crate::config::yaml;
use crate::connector::Manifest;

/// A file after new routes were added.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Text of the whole file.
    pub text: String,
    /// Actions that were added.
    pub added: Vec<String>,
    /// Actions of the file that no operation of the description is.
    pub gone: Vec<String>,
    /// Marks for a person in what was added.
    pub judge: usize,
}

/// A route of the file, as far as it is compared.
#[derive(Debug)]
struct Known {
    action: String,
    methods: Vec<String>,
    /// Host and path of the route.
    target: String,
    parts: Vec<RequestPart>,
    /// Whether some operation is this one.
    met: bool,
}

/// Adds what is missing.
///
/// # Errors
/// A file that does not read, or that is laid out so that nothing can be added without touching the rest; then the message holds
/// the routes.
pub(crate) fn into(source: &Source, api: &Api) -> Result<Merged, Report> {
    let mut report = Report::default();
    let Some(manifest): Option<Manifest> = yaml::read(source, &mut report) else {
        return Err(report);
    };
    let bases: Vec<String> = manifest
        .base_paths
        .iter()
        .map(|base| base.value.trim_end_matches('/').to_owned())
        .collect();
    let api = rebased(api, &bases).map_err(|error| {
        problem(
            source,
            error.to_string(),
            "give the description that the file was made from",
        )
    })?;
    let mut known = known(&manifest);
    let existing = Existing {
        actions: api
            .operations
            .iter()
            .map(|operation| meet(operation, &mut known))
            .collect(),
        taken: known.iter().map(|route| route.action.clone()).collect(),
    };
    let draft = draft::of(&api, &manifest.connector.value, &existing);
    let text = insert::routes(&source.text, &draft, known.len());
    verify(source, &text, draft.routes.len())?;
    Ok(Merged {
        judge: draft.routes.iter().map(|route| route.judge.len()).sum(),
        added: draft
            .routes
            .iter()
            .map(|route| route.action.clone())
            .collect(),
        gone: known
            .into_iter()
            .filter(|route| !route.met)
            .map(|route| route.action)
            .collect(),
        text,
    })
}

/// Returns the file's routes.
fn known(manifest: &Manifest) -> Vec<Known> {
    let routes = manifest.routes.iter().map(|route| {
        let (methods, target) = route
            .matches
            .value
            .trim()
            .split_once(' ')
            .unwrap_or(("", ""));
        let fields = route.graphql.iter().flat_map(|said| &said.0);
        let fields = fields.map(|field| RequestPart::Graphql(field.value.clone()));
        let calls = route.rpc.iter().flat_map(|said| &said.0);
        let calls = calls.map(|method| RequestPart::Rpc(method.value.clone()));
        Known {
            action: route.action.value.clone(),
            methods: methods.split('|').map(str::to_owned).collect(),
            target: shape(target.trim()),
            parts: fields.chain(calls).collect(),
            met: false,
        }
    });
    routes.collect()
}

/// An operation that the file's base path does not cover, and that base path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` of the description is not below the file's base path `{1}`")]
struct NotBelow(String, String);

/// Writes paths relative to the base path of the file where the description's is another.
fn rebased(api: &Api, bases: &[String]) -> Result<Api, NotBelow> {
    let own = bases.first().map_or("", String::as_str);
    let mut api = api.clone();
    let theirs = api
        .servers
        .first()
        .map(|server| server.base.clone())
        .unwrap_or_default();
    if theirs == own {
        return Ok(api);
    }
    for operation in &mut api.operations {
        let whole = format!("{theirs}{}", operation.path);
        let below = whole.strip_prefix(own).filter(|rest| rest.starts_with('/'));
        operation.path = below
            .ok_or_else(|| NotBelow(whole.escape_debug().to_string(), own.to_owned()))?
            .to_owned();
    }
    for server in &mut api.servers {
        own.clone_into(&mut server.base);
    }
    Ok(api)
}

/// Finds the action that an operation is in the file.
fn meet(operation: &Operation, known: &mut [Known]) -> Option<String> {
    let target = MatchTarget::of(operation, &std::collections::BTreeSet::new());
    let text = target.text();
    let (_, wanted) = text.split_once(' ').unwrap_or_default();
    let wanted = shape(wanted);
    let same = known.iter_mut().filter(|route| {
        let method = route
            .methods
            .iter()
            .any(|method| *method == operation.method || method == "*");
        let part = match &operation.part {
            Some(part) => route.parts.contains(part),
            None => route.parts.is_empty(),
        };
        method && part && fits(&route.target, &wanted)
    });
    let mut first = None;
    for route in same {
        route.met = true;
        first.get_or_insert_with(|| route.action.clone());
    }
    first
}

/// Returns whether a pattern of the file is that of an operation: the same, or with a captured version in front where that has one.
fn fits(file: &str, operation: &str) -> bool {
    let (one, two): (Vec<&str>, Vec<&str>) =
        (file.split('/').collect(), operation.split('/').collect());
    let mut front = true;
    let alike = |(at, (one, two)): (usize, (&&str, &&str))| {
        // Before the first slash there is a host.
        front &= at == 0 || names::is_noise(two, front);
        one == two || (front && **one == *"{}")
    };
    one.len() == two.len() && one.iter().zip(&two).enumerate().all(alike)
}

/// Returns a target without the names in it.
fn shape(target: &str) -> String {
    let mut shape = String::new();
    let mut inside = false;
    for c in target.chars() {
        inside = (inside || c == '{') && c != '}';
        if !inside || c == '{' {
            shape.push(c);
        }
    }
    shape
}

/// Compares what the file said with what it says.
fn verify(source: &Source, text: &str, added: usize) -> Result<(), Report> {
    let by_hand = || {
        problem(
            source,
            "new routes cannot be added to this file without changing existing entries".to_owned(),
            "write `routes:` as a block list, one `- action:` under the other",
        )
    };
    let read = |text: &str| {
        let source = Source {
            text: text.into(),
            ..source.clone()
        };
        yaml::read::<Value>(&source, &mut Report::default())
    };
    let (Some(mut old), Some(mut new)) = (read(&source.text), read(text)) else {
        return Err(by_hand());
    };
    let routes =
        |value: &mut Value| match value.as_object_mut().and_then(|map| map.remove("routes")) {
            Some(Value::Array(routes)) => routes,
            Some(_) | None => Vec::new(),
        };
    let (old_routes, new_routes) = (routes(&mut old), routes(&mut new));
    let mut rest = new_routes.iter();
    let kept = old_routes
        .iter()
        .all(|route| rest.any(|other| other == route));
    if old == new && kept && new_routes.len() == old_routes.len() + added {
        return Ok(());
    }
    Err(by_hand())
}

fn problem(source: &Source, message: String, help: &str) -> Report {
    let mut report = Report::default();
    let place = Place::of(source.clone());
    report.push(Diagnostic::error("update", message).at(place).help(help));
    report
}
