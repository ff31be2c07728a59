//! Proposes routes for observed operations that a connector does not have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::api::{Api, Operation, Server};
use super::draft::{self, MatchTarget};
use super::existing::Existing;
use super::write;

/// A route that might be added.
#[derive(Debug, Clone, Serialize)]
pub struct Proposed {
    /// Without the connector's id.
    pub action: String,
    /// The `match`, as in `GET /things/{thing_id}`.
    #[serde(rename = "match")]
    pub matches: String,
    /// How often it was seen.
    pub times: u64,
    /// As an entry of `routes:`, two spaces in.
    pub text: String,
}

/// Drafts a route for each operation. `site` is a host with a base path; `taken` are the actions that are there.
pub(crate) fn of(
    id: &str,
    site: &str,
    operations: Vec<(Operation, u64)>,
    taken: BTreeSet<String>,
) -> Vec<Proposed> {
    let (host, base) = site
        .find('/')
        .and_then(|at| site.split_at_checked(at))
        .unwrap_or((site, ""));
    // It is not known what `*` is, and a test needs a host.
    let host = if host.contains('*') { "" } else { host };
    let server = Server {
        host: host.to_owned(),
        base: base.to_owned(),
    };
    let captured = draft::captured_by(&server).into_iter().collect();
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    let mut api = Api {
        servers: vec![server],
        ..Api::default()
    };
    for (mut operation, count) in operations {
        *times
            .entry(MatchTarget::of(&operation, &captured).text())
            .or_default() += count;
        let often = if count == 1 {
            "once".to_owned()
        } else {
            format!("{count} times")
        };
        operation.judge.push(format!(
            "seen {often}; nothing but method and path is known of it"
        ));
        api.operations.push(operation);
    }
    let existing = Existing {
        actions: vec![None; api.operations.len()],
        taken: taken.into_iter().collect(),
    };
    let draft = draft::of(&api, id, &existing);
    let proposed = draft.routes.iter().map(|route| Proposed {
        action: route.action.clone(),
        matches: route.matches.clone(),
        times: times.get(&route.matches).copied().unwrap_or_default(),
        text: write::some(&[route], None),
    });
    proposed.collect()
}
