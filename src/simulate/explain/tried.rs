//! Explains which routes a request was compared with, why each lost, and where the parameters of the others are read.

use serde::Serialize;

use super::ExplainedAction;
use crate::connector::{Lost, TriedRoute};
use crate::pipeline::collect::Collected;
use crate::snapshot::Snapshot;

/// Most routes that lost; a person reads an explanation in ten seconds.
const MOST_LOST: usize = 8;

/// A route whose path fits the request's.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedRoute {
    /// Full name of the action; holes in braces where the request says it.
    pub action: String,
    /// As the file writes it.
    #[serde(rename = "match")]
    pub matches: String,
    /// As the file writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// File and line of its `match`.
    pub place: String,
    /// Why the request is not this action; `None` for a route that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<&'static str>,
}

/// Returns the routes that were tried, those that match first, and says of each action's parameters where they are read.
pub(super) fn routes(
    snapshot: &Snapshot,
    collected: &Collected,
    actions: &mut [ExplainedAction],
) -> Vec<ExplainedRoute> {
    let target = &collected.input.target;
    let Some(place) = snapshot.catalog().locate(&target.authority, &target.path) else {
        return Vec::new();
    };
    let candidates = place.candidates(&target.method, &target.query);
    let tried = candidates.tried(&target.query);
    let mut explained: Vec<ExplainedRoute> = Vec::new();
    for route in &tried {
        let made = made_by(route, actions);
        if let Some(action) = made.and_then(|at| actions.get_mut(at)) {
            let from = route
                .params
                .iter()
                .filter(|param| action.params.contains_key(&param.name));
            let from = from.map(|param| (param.name.clone(), param.from.join(", or ")));
            action.from.extend(from);
        }
        let lost = match route.lost {
            _ if made.is_some() && route.lost.is_none() => None,
            lost => Some(why(lost, route)),
        };
        explained.push(ExplainedRoute {
            action: route.route.action.to_owned(),
            matches: route.route.matches.to_owned(),
            when: route.route.when.map(str::to_owned),
            place: format!("{}:{}", route.place.source.name, route.place.line),
            lost,
        });
    }
    explained.sort_by_key(|route| route.lost.is_some());
    let won = explained
        .iter()
        .filter(|route| route.lost.is_none())
        .count();
    explained.truncate(won + MOST_LOST);
    explained
}

/// Returns the number of the action that a route has made of the request.
fn made_by(route: &TriedRoute<'_>, actions: &[ExplainedAction]) -> Option<usize> {
    if route.lost.is_some() {
        return None;
    }
    let name = route.route.action;
    actions.iter().position(|action| {
        // A hole stands for one or more characters of the request.
        match (name.find('{'), name.rfind('}')) {
            (Some(start), Some(end)) => {
                let (head, tail) = (name.get(..start), name.get(end + 1..));
                head.is_some_and(|head| action.name.starts_with(head))
                    && tail.is_some_and(|tail| action.name.ends_with(tail))
            }
            _ => action.name == name,
        }
    })
}

fn why(lost: Option<Lost>, route: &TriedRoute<'_>) -> &'static str {
    match lost {
        Some(Lost::Method) => "it is for another method",
        Some(Lost::HostOrQuery) => "it is for another host, or other keys of the query",
        Some(Lost::LessLiteral) => "another route is more literal",
        Some(Lost::WebSocket) => "it opens a WebSocket",
        None if route.route.when.is_some() => "its `when` does not hold",
        None if !route.route.operations.is_empty() => "it is for another operation",
        None => "routes whose `when` holds say all of the request",
    }
}
