//! Drafts routes for recorded requests that matched none, for a person to review.
//!
//! Requests of agents are hostile text: a draft holds their methods, names made of their letters, and literal segments that are
//! escaped for a connector file. Nothing is added to any file.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde::Serialize;

use crate::connector::Connector;
use crate::import::{self, Patterns, RequestPart, Seen};
use crate::model::target::{Authority, Path, Query};
use crate::snapshot::Snapshot;

/// Prefixes of GraphQL parts.
const GRAPHQL: [&str; 3] = ["query.", "mutation.", "subscription."];

/// Prefix of persisted documents, whose ids carry no meaning.
const PERSISTED: &str = "persisted.";

/// Method, path below the base path, and part, with how often they were there.
type Requests = BTreeMap<(String, String, Option<String>), u64>;

/// A request that was `unknown`, as the journal has it.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// HTTP method as the agent sent it.
    pub method: String,
    /// With a port where that is not 443.
    pub host: String,
    /// Canonical path, as the record has it.
    pub path: String,
    /// Which part of the request no route was for.
    pub part: Option<String>,
}

/// Routes that one connector might add.
#[derive(Debug, Clone, Serialize)]
pub struct Suggestion {
    /// Id of the connector that would get the routes.
    pub connector: String,
    /// In the order of a file.
    pub routes: Vec<import::Proposed>,
    /// Requests that the routes are for.
    pub requests: u64,
    /// Requests that nothing could be made of, or that are beyond the most frequent ones.
    pub left_out: u64,
}

/// Suggests at most so many routes for each connector, those of the most frequent requests.
#[must_use]
pub fn suggest(snapshot: &Snapshot, unknown: &[Unknown], most: usize) -> Vec<Suggestion> {
    let mut seen: BTreeMap<String, Requests> = BTreeMap::new();
    for request in unknown {
        if let Some((connector, below)) = place(snapshot, request) {
            let key = (request.method.clone(), below, request.part.clone());
            *seen.entry(connector).or_default().entry(key).or_default() += 1;
        }
    }
    let catalog = snapshot.catalog();
    let found = seen
        .into_iter()
        .filter_map(|(id, requests)| Some(of(catalog.get(&id)?, requests, most)));
    found
        .filter(|suggestion| !suggestion.routes.is_empty() || suggestion.left_out > 0)
        .collect()
}

/// Returns whose request it is and its path below the base path; `None` where a route is for it by now, or no connector.
fn place(snapshot: &Snapshot, request: &Unknown) -> Option<(String, String)> {
    let authority = Authority::parse(&request.host, 443).ok()?;
    let path = Path::parse(&request.path).ok()?;
    let method: Method = request.method.parse().ok()?;
    let place = snapshot.catalog().locate(&authority, &path)?;
    let candidates = place.candidates(&method, &Query::parse(None).ok()?);
    let known = candidates
        .routes(request.part.as_deref(), "")
        .iter()
        .any(|route| route.when.is_none());
    (!known).then(|| (place.connector.id().to_owned(), place.below().to_owned()))
}

/// Returns which part it was; an error where a route cannot say it as a name that means nothing else.
fn part(text: String) -> Result<RequestPart, ()> {
    if GRAPHQL.iter().any(|kind| text.starts_with(kind)) {
        return Ok(RequestPart::Graphql(text));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/$:-".contains(&byte);
    let good = text.bytes().all(plain) && (1..=128).contains(&text.len());
    if good && !text.starts_with(PERSISTED) {
        Ok(RequestPart::Rpc(text))
    } else {
        Err(())
    }
}

fn of(connector: &Connector, requests: Requests, most: usize) -> Suggestion {
    let mut left_out = 0;
    let mut seen = Vec::new();
    for ((method, path, part), times) in requests {
        let Ok(part) = part.map(self::part).transpose() else {
            left_out += times;
            continue;
        };
        seen.push(Seen {
            method,
            path,
            part,
            times,
            ..Seen::default()
        });
    }
    let known = Patterns::of(connector.routes().map(|route| route.matches));
    let observed = import::observed(&seen, &known);
    left_out += observed.left_out;
    let mut operations = observed.operations;
    let rest = operations.split_off(most.min(operations.len()));
    left_out += rest.iter().map(|(_, times)| times).sum::<u64>();
    let prefix = format!("{}.", connector.id());
    let taken: BTreeSet<String> = connector
        .routes()
        .map(|route| route.action.trim_start_matches(&prefix).to_owned())
        .collect();
    Suggestion {
        connector: connector.id().to_owned(),
        requests: operations.iter().map(|(_, times)| times).sum(),
        routes: import::propose(
            connector.id(),
            &connector.authorities().next().unwrap_or_default(),
            operations,
            taken,
        ),
        left_out,
    }
}
