//! What an API can be asked in, what a connector makes of each thing out: a name of its own, a shared one, or `unknown`.
//!
//! Requests are made up from templates. What they must hold to be read is not known, so a request counts as named where a route
//! is for it; patterns are held against what a template says literally.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::explain::{Question, understand};
use crate::connector::Connector;
use crate::import::{Api, Operation, Sign};
use crate::model::target::{Authority, Path, Query};
use crate::snapshot::Snapshot;

/// Stands for whatever a template captures; no API has such a literal.
const SAMPLE: &str = "x1x";

/// What a connector makes of an API.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Whose coverage it is.
    pub connector: String,
    /// In the order of the description.
    pub operations: Vec<Covered>,
    /// How many have a name of their own.
    pub named: usize,
    /// How many share a name with others.
    pub shared: usize,
    /// How many no route accepts.
    pub unknown: usize,
    /// Of all operations, those that a route accepts; rounded down to a tenth.
    pub percent: f64,
}

/// One operation.
#[derive(Debug, Clone, Serialize)]
pub struct Covered {
    /// Upper-case.
    pub method: String,
    /// As the description writes it.
    pub path: String,
    /// The description's own name for it.
    pub id: Option<String>,
    /// What came out.
    pub status: Status,
    /// Full names of what it can be; a body may decide which.
    pub actions: Vec<String>,
}

/// What came out for one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has a name of its own.
    Named,
    /// Another operation is the same action.
    Shared,
    /// No route accepts it.
    Unknown,
}

/// Tries every operation of an API with a connector.
#[must_use]
pub fn coverage(snapshot: &Snapshot, connector: &Connector, api: &Api) -> Coverage {
    let operations = api.list();
    let mut covered: Vec<Covered> = operations
        .iter()
        .map(|operation| cover(snapshot, connector, operation, api))
        .collect();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for plain in covered
        .iter()
        .filter_map(|operation| operation.actions.first())
    {
        *uses.entry(plain.clone()).or_default() += 1;
    }
    for operation in &mut covered {
        operation.status = match operation.actions.first() {
            None => Status::Unknown,
            Some(plain) if uses.get(plain).is_some_and(|uses| *uses > 1) => Status::Shared,
            Some(_) => Status::Named,
        };
    }
    let count = |status| {
        covered
            .iter()
            .filter(|operation| operation.status == status)
            .count()
    };
    let (named, shared, unknown) = (
        count(Status::Named),
        count(Status::Shared),
        count(Status::Unknown),
    );
    let all = covered.len().max(1);
    let tenths = (named + shared) * 1000 / all;
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
    let percent = tenths as f64 / 10.0;
    Coverage {
        connector: connector.id().to_owned(),
        operations: covered,
        named,
        shared,
        unknown,
        percent,
    }
}

fn cover(snapshot: &Snapshot, connector: &Connector, operation: &Operation, api: &Api) -> Covered {
    let tries = targets(connector, operation, api);
    let actions = tries
        .iter()
        .map(|(host, path)| actions(snapshot, connector, operation, (host, path)));
    Covered {
        method: operation.method.clone(),
        path: operation.path.clone(),
        id: operation.id.clone(),
        status: Status::Unknown,
        actions: actions
            .into_iter()
            .find(|actions| !actions.is_empty())
            .unwrap_or_default(),
    }
}

/// Returns hosts and paths that an operation can have: where the description says first, then each of the connector's own.
fn targets(connector: &Connector, operation: &Operation, api: &Api) -> Vec<(String, String)> {
    // `/#Action=X` tells operations apart that are asked for at one path.
    let path = operation.path.split('#').next().unwrap_or_default();
    let path = filled(path);
    let path = if path.starts_with('/') {
        path
    } else {
        String::new()
    };
    let said = operation.elsewhere.iter().chain(&api.servers);
    let mut targets: Vec<(String, String)> = said
        .map(|server| {
            (
                filled(&server.host),
                format!("{}{path}", filled(&server.base)),
            )
        })
        .collect();
    for site in connector.authorities() {
        let (host, base) = site
            .find('/')
            .and_then(|at| site.split_at_checked(at))
            .unwrap_or((&site, ""));
        let (host, base) = (
            filled(host).replace("**", SAMPLE).replace('*', SAMPLE),
            filled(base),
        );
        targets.push((host.clone(), path.clone()));
        targets.push((host, format!("{base}{path}")));
    }
    targets.retain(|(host, _)| !host.is_empty());
    targets
}

/// Puts a sample in each pair of braces.
fn filled(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        out.push_str(literal);
        out.push_str(SAMPLE);
        rest = tail.split_once('}').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

/// Returns what a request is, the action that needs nothing of the body first; empty for `unknown` and for other connectors'.
fn actions(
    snapshot: &Snapshot,
    connector: &Connector,
    operation: &Operation,
    (host, path): (&str, &str),
) -> Vec<String> {
    let part = match (&operation.part, &operation.sign) {
        (Some(part), _) => Some(part.text()),
        (None, Some(sign)) => return signed(snapshot, connector, operation, sign, (host, path)),
        (None, None) => None,
    };
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    let parsed = (
        operation.method.parse::<Method>(),
        Authority::parse(host, 443),
        Path::parse(if path.is_empty() { "/" } else { path }),
        Query::parse(query),
    );
    let (Ok(method), Ok(authority), Ok(path), Ok(query)) = parsed else {
        return Vec::new();
    };
    let Some(place) = snapshot
        .catalog()
        .locate(&authority, &path)
        .filter(|place| place.connector.id() == connector.id())
    else {
        return Vec::new();
    };
    let candidates = place.candidates(&method, &query);
    let mut routes = candidates.routes(part, SAMPLE);
    routes.sort_by_key(|route| route.when.is_some());
    let mut names: Vec<String> = Vec::new();
    for route in routes {
        let name = route.action.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// An operation that only a form or a header tells is read as the gateway reads it.
fn signed(
    snapshot: &Snapshot,
    connector: &Connector,
    operation: &Operation,
    sign: &Sign,
    (host, path): (&str, &str),
) -> Vec<String> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    let (content_type, body) = match sign {
        Sign::Form(text) => (
            HeaderValue::from_static("application/x-www-form-urlencoded"),
            Bytes::from(text.clone()),
        ),
        Sign::Header(name, value) => {
            let header = name
                .parse::<HeaderName>()
                .ok()
                .zip(HeaderValue::from_str(value).ok());
            headers.extend(header);
            (json, Bytes::from_static(b"{}"))
        }
    };
    headers.insert(CONTENT_TYPE, content_type);
    let Ok(mut question) = Question::parse(
        &operation.method,
        &format!("https://{host}{path}"),
        &[],
        body,
    ) else {
        return Vec::new();
    };
    question.headers = headers;
    let Ok((classified, collected)) = understand(snapshot, &question) else {
        return Vec::new();
    };
    if classified.connector().id() != connector.id() {
        return Vec::new();
    }
    let unknown = format!("{}.unknown", connector.id());
    let names = collected
        .actions
        .iter()
        .map(|action| action.name.to_string());
    names.filter(|name| *name != unknown).collect()
}
