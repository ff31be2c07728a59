//! Measures which operations of an API's description a connector names: under a name of their own, under a shared one, or as
//! `unknown`.
//!
//! INVARIANT: where the description says where the API is, requests go there and nowhere else.
//!
//! Requests are made up from templates. The bodies that the API would accept are unknown, so an operation counts as named where a
//! route matches it; patterns are checked against the template's literal text.

mod places;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::explain::{Question, understand};
use crate::connector::Connector;
use crate::import::{Api, Operation, Sign};
use crate::model::target::Query;
use crate::snapshot::Snapshot;
use places::located;

/// Stands for whatever a template captures; no API has such a literal.
const SAMPLE: &str = "x1x";

/// The operations of an API and the actions that a connector reads them as.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Id of the connector; several with commas between.
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

/// One operation of the description, and the actions it is read as.
#[derive(Debug, Clone, Serialize)]
pub struct Covered {
    /// HTTP method in upper case.
    pub method: String,
    /// As the description writes it.
    pub path: String,
    /// The description's own name for it.
    pub id: Option<String>,
    /// Whether the operation has a name of its own, a shared one, or none.
    pub status: Status,
    /// Full names of the possible actions; the body may decide.
    pub actions: Vec<String>,
}

/// How an operation is named.
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

/// Reasons why a connector and a description do not belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrelated {
    /// The connector is for no host yet.
    NoDomains,
    /// The description's API is somewhere else.
    Elsewhere {
        /// Host and base path of the description.
        said: String,
        /// Those of the connector.
        own: String,
    },
}

/// Tries every operation of an API with a connector.
///
/// # Errors
/// The connector is for none of the places where the API is.
pub fn coverage(
    snapshot: &Snapshot,
    connector: &Connector,
    api: &Api,
) -> Result<Coverage, Unrelated> {
    let Some(own) = connector.authorities().next() else {
        return Err(Unrelated::NoDomains);
    };
    let operations = api.list();
    let places: Vec<Vec<(String, String)>> = operations
        .iter()
        .map(|operation| places::of(snapshot, connector, operation, api))
        .collect();
    if places.iter().all(Vec::is_empty) && !operations.is_empty() {
        let said = places::said(operations, api);
        return Err(Unrelated::Elsewhere { said, own });
    }
    let covered = operations
        .iter()
        .zip(&places)
        .map(|(operation, places)| cover(snapshot, connector, operation, places));
    Ok(Coverage::of(connector.id().to_owned(), covered.collect()))
}

impl Coverage {
    /// Adds what another connector names of the same description; the first that names an operation counts.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let both = self.operations.into_iter().zip(other.operations);
        let covered = both.map(|(own, other)| if own.actions.is_empty() { other } else { own });
        let connector = format!("{}, {}", self.connector, other.connector);
        Self::of(connector, covered.collect())
    }

    fn of(connector: String, mut covered: Vec<Covered>) -> Self {
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
        Self {
            connector,
            operations: covered,
            named,
            shared,
            unknown,
            percent,
        }
    }
}

fn cover(
    snapshot: &Snapshot,
    connector: &Connector,
    operation: &Operation,
    places: &[(String, String)],
) -> Covered {
    let actions = places
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

/// Returns the actions of a request, the one that needs no body first; empty for `unknown` and for other connectors' actions.
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
    let (Ok(method), Ok(query), Some(place)) = (
        operation.method.parse::<Method>(),
        Query::parse(query),
        located(snapshot, connector, (host, path)),
    ) else {
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

/// Adds the form field or header that identifies an operation.
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
    let Ok(collected) = understand(snapshot, &question) else {
        return Vec::new();
    };
    if collected.connector.id() != connector.id() {
        return Vec::new();
    }
    let unknown = format!("{}.unknown", connector.id());
    let names = collected
        .input
        .actions
        .iter()
        .map(|action| action.name.to_string());
    names.filter(|name| *name != unknown).collect()
}
