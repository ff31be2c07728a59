//! Drafts a connector: an API's operations as routes with names, parameters, risks and tests.

mod forms;
mod health;
mod left_out;
mod params;
mod target;
mod test;
mod title;

use std::collections::{BTreeMap, BTreeSet};

use super::api::{Api, Body, FieldPlace, Operation, RequestPart};
use super::existing::Existing;
use super::names::{self, Name};
use super::risk::{self, Judge};
use super::sentence;
use crate::connector::made_credential;
use crate::model::action::Risk;
use crate::model::value::ValueType;

pub(crate) use health::Health;
pub use left_out::LeftOut;
pub(crate) use target::{MatchTarget, captured_by, elsewhere};
pub(crate) use test::Test;

/// What a connector file is written from.
#[derive(Debug, Clone)]
pub(crate) struct ConnectorDraft {
    pub(crate) id: String,
    pub(crate) health: Option<Health>,
    /// Whether a parameter may hold slashes, which some clients then encode.
    pub(crate) encoded_slash: bool,
    /// Headers that operations take and no route reads, in lower case.
    pub(crate) allow_headers: Vec<String>,
    /// What a person must look at that belongs to no route.
    pub(crate) judge: Vec<String>,
    /// Forms that several routes share, in order of name.
    pub(crate) shared: Vec<Shared>,
    /// In order of resource.
    pub(crate) routes: Vec<DraftRoute>,
}

/// A form under an anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) anchor: String,
    pub(crate) form: ParameterForm,
}

/// One route of a draft.
#[derive(Debug, Clone)]
pub(crate) struct DraftRoute {
    /// Without the connector's id.
    pub(crate) action: String,
    /// The `match`, as in `POST /repos/{owner}/{repo}/issues`.
    pub(crate) matches: String,
    pub(crate) title: Option<String>,
    pub(crate) docs: Option<String>,
    pub(crate) params: Vec<Param>,
    /// Where it is not the method's own.
    pub(crate) risk: Option<Risk>,
    /// Empty where the answer is said to hold none.
    pub(crate) response_secrets: Option<Vec<String>>,
    /// Where it is not JSON alone; the first is the default.
    pub(crate) body: Vec<String>,
    pub(crate) part: Option<RequestPart>,
    pub(crate) summary: String,
    pub(crate) tests: Vec<Test>,
    pub(crate) judge: Vec<String>,
    /// First segment of the resource: routes of one stand together.
    pub(crate) group: String,
}

/// One entry of `params:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: String,
    /// Empty for a captured label.
    pub(crate) from: Vec<String>,
    pub(crate) value_type: Option<ValueType>,
    pub(crate) form: ParameterForm,
    /// The anchor that holds the form.
    pub(crate) anchor: Option<String>,
}

/// How values must be written.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ParameterForm {
    pub(crate) pattern: Option<String>,
    pub(crate) fold_lower: bool,
    /// The pattern is a guess that lets nearly everything through.
    pub(crate) guess: bool,
    /// Shown and recorded only as a keyed hash.
    pub(crate) secret: bool,
}

/// Drafts the operations of an API that are not there yet.
pub(crate) fn of(api: &Api, id: &str, existing: &Existing) -> ConnectorDraft {
    let names = names::of(api, id, existing);
    let more = target::elsewhere(api);
    let servers = api.servers.iter().chain(&more);
    let captured: BTreeSet<String> = servers.flat_map(target::captured_by).collect();
    let literals = target::literals(api);
    let judge = Judge::of(api, &names);
    let known = Known {
        api,
        literals: &literals,
        judge: &judge,
    };
    let mut routes: Vec<DraftRoute> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut encoded_slash = false;
    for (at, (operation, name)) in api.operations.iter().zip(&names).enumerate() {
        if existing.has(at) {
            continue;
        }
        let target = MatchTarget::of(operation, &captured);
        encoded_slash |= target.rest;
        // One method and shape twice is one action: nothing in the request tells the two apart.
        let key = format!(
            "{}\u{0}{}",
            target.shape(),
            operation.part.as_ref().map_or("", RequestPart::text)
        );
        if let Some(first) = places.get(&key).and_then(|at| routes.get_mut(*at)) {
            let other = operation.id.as_deref().unwrap_or("another operation");
            first.judge.push(format!(
                "`{}` is the same request, and so the same action",
                other.escape_debug()
            ));
            continue;
        }
        places.insert(key, routes.len());
        routes.push(route(operation, name, &target, &known));
    }
    let health = health::of(api, &routes);
    // Into a file that is there, anchors would have to fit its own.
    let shared = if existing.actions.is_empty() {
        forms::share(&mut routes)
    } else {
        forms::mark_guesses(&mut routes);
        Vec::new()
    };
    routes.sort_by(|one, other| (&one.group, order(one)).cmp(&(&other.group, order(other))));
    ConnectorDraft {
        id: id.to_owned(),
        health,
        encoded_slash,
        allow_headers: params::unread_headers(api, &routes),
        judge: remarks(api, &judge),
        shared,
        routes,
    }
}

/// Returns what a person must look at that belongs to no route.
fn remarks(api: &Api, judge: &Judge<'_>) -> Vec<String> {
    let guessed = "the description does not say how requests authenticate: this is a guess";
    let unsaid = api.ways.is_empty() && !api.public;
    let ways = unsaid.then(|| guessed.to_owned());
    api.judge
        .iter()
        .cloned()
        .chain(ways)
        .chain(judge.remarks())
        .collect()
}

/// What all routes of an API have at hand.
pub(crate) struct Known<'a> {
    api: &'a Api,
    /// Every literal segment: a sample must not be one.
    literals: &'a BTreeSet<String>,
    judge: &'a Judge<'a>,
}

/// Outer things before inner ones, and within one reading before writing.
fn order(route: &DraftRoute) -> (Vec<&str>, usize, &str) {
    const FIRST: [&str; 7] = [
        "list", "search", "get", "check", "create", "update", "replace",
    ];
    let (resource, verb) = route.action.rsplit_once('.').unwrap_or(("", &route.action));
    let rank = FIRST.iter().position(|known| *known == verb);
    (
        resource.split('.').collect(),
        rank.unwrap_or(FIRST.len()),
        verb,
    )
}

/// Leaves it to a person whether an answer holds a credential of which only the action's name tells.
fn response_secrets(
    action: &str,
    method: &str,
    found: Vec<String>,
    judge: &mut Vec<String>,
) -> Option<Vec<String>> {
    if !found.is_empty() {
        return Some(found);
    }
    if matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
        return None;
    }
    let word = made_credential(action)?;
    judge.push(format!(
        "it makes a {word}; if the answer holds it, say where under `response_secrets`"
    ));
    Some(Vec::new())
}

fn route(
    operation: &Operation,
    name: &Name,
    target: &MatchTarget,
    known: &Known<'_>,
) -> DraftRoute {
    let judged = known.judge.judge(operation, name);
    let (params, mut judge) = params::of(operation, target, &known.api.ways);
    judge.extend(judged.judge);
    judge.extend(operation.judge.iter().cloned());
    judge.extend(target.judge.iter().cloned());
    let stated =
        judged.risk != risk::by_method(&operation.method) && judged.response_secrets.is_empty();
    let shown = if judged.response_secrets.is_empty() {
        judged.risk
    } else {
        Risk::Critical
    };
    let tests = test::of(
        operation,
        target,
        &params,
        &test::Wanted { known, risk: shown },
    );
    if tests.is_empty()
        && known
            .api
            .servers
            .iter()
            .any(|server| !server.host.is_empty())
    {
        judge.push("no test could be made up for it".to_owned());
    }
    let action = name.text();
    let response_secrets = response_secrets(
        &action,
        &operation.method,
        judged.response_secrets,
        &mut judge,
    );
    DraftRoute {
        action,
        matches: target.text(),
        title: operation.title.as_deref().map(title::one_line),
        docs: operation.docs.clone(),
        params,
        risk: stated.then_some(judged.risk),
        response_secrets,
        body: body(operation),
        part: operation.part.clone(),
        summary: sentence::of(name, &target.path),
        tests,
        judge,
        group: name.resource.first().cloned().unwrap_or_default(),
    }
}

fn body(operation: &Operation) -> Vec<String> {
    let read = operation
        .fields
        .iter()
        .any(|field| matches!(field.place, FieldPlace::Query | FieldPlace::Body));
    let name = |body: &Body| match body {
        Body::Absent => None,
        Body::Json => Some("json".to_owned()),
        Body::Form => Some("form".to_owned()),
        Body::Multipart => Some("multipart".to_owned()),
        Body::JsonAs(media) => Some(media.clone()),
        // Only a route that reads something would read the body too.
        Body::Other => read.then(|| "none".to_owned()),
    };
    let bodies = std::iter::once(&operation.body).chain(&operation.also);
    let names: Vec<String> = bodies.filter_map(name).collect();
    if names == ["json"] { Vec::new() } else { names }
}
