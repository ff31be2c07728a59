//! Mutated forms, multipart bodies, JSON and GraphQL, held against second readers that behave as servers do.
//!
//! A bypass is an action or a parameter that some server sees and the gateway neither reads in the same way nor refuses.
//! `FUZZ_SEED=… FUZZ_INPUTS=… cargo nextest run fuzz` tries others than the usual ones.

mod forms;
mod graphql;
mod json;
mod multipart;
mod nesting;
mod readers;
mod source;

use http::HeaderMap;
use tollgate::connector::{Catalog, Reading, Unreadable};
use tollgate::model::action::Action;
use tollgate::model::target::Target;
use tollgate::model::value::Value;

use super::{routes, target};
use readers::{READERS, Tree};
use source::{Source, of_environment};

/// A connector, and where requests to it go.
struct World {
    catalog: Catalog,
    target: Target,
    headers: HeaderMap,
}

impl World {
    fn new(text: &str, line: &str, content_type: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        Self {
            catalog: routes(text),
            target: target(line).unwrap(),
            headers,
        }
    }

    /// Returns the actions that the gateway reads.
    fn read(&self, target: &Target, body: &[u8]) -> Result<Vec<Action>, Unreadable> {
        let place = self
            .catalog
            .locate(&target.authority, &target.path)
            .unwrap();
        place
            .connector
            .check_switches(&self.headers, &target.query)?;
        let candidates = place.candidates(&target.method, &target.query);
        let reading = Reading {
            target,
            headers: &self.headers,
            body: Some(body),
            catalog: &self.catalog,
        };
        Ok(candidates.understand(&reading)?.actions)
    }

    fn read_body(&self, body: &[u8]) -> Result<Vec<Action>, Unreadable> {
        self.read(&self.target, body)
    }
}

/// Tries inputs until there are enough; `check` says whether the gateway accepted one, or what it let pass.
fn fuzz(kind: &str, mut check: impl FnMut(&mut Source) -> Result<bool, String>) {
    let (seed, inputs) = of_environment();
    let mut source = Source::new(seed);
    let mut accepted = 0;
    for at in 0..inputs {
        match check(&mut source) {
            Ok(was_accepted) => accepted += usize::from(was_accepted),
            Err(bypass) => panic!("{kind}, FUZZ_SEED={seed}, input {at}: {bypass}"),
        }
    }
    // A gateway that refuses everything lets nothing pass, and nobody would want it.
    assert!(
        accepted * 20 > inputs,
        "{kind}, FUZZ_SEED={seed}: only {accepted} of {inputs} were accepted"
    );
    assert!(
        accepted * 20 < inputs * 19,
        "{kind}, FUZZ_SEED={seed}: {accepted} of {inputs} were accepted, so hardly any is odd"
    );
}

/// Returns a parameter as text.
fn text(action: &Action, name: &str) -> Option<String> {
    match action.params.get(name)? {
        Value::Text(text) => Some(text.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// What is read of names, the keys that lead to it, and how it is written where names are not taken apart.
const WATCHED: [(&str, &[&str], &str); 4] = [
    ("state", &["state"], "state"),
    ("user", &["user_id"], "user_id"),
    ("card", &["card", "last4"], "card[last4]"),
    ("dotted", &["meta.owner"], "meta.owner"),
];

/// Compares what a server sees with what was judged.
fn compare(server: &str, tree: &Tree, action: &Action) -> Result<(), String> {
    let method = ["_method", "_METHOD", "_Method"];
    if let Some(key) = method.iter().find(|key| tree.at(&[**key]).is_some()) {
        return Err(format!("{server} sees `{key}`"));
    }
    for (param, keys, flat) in WATCHED {
        let nested = tree.at(keys).or_else(|| tree.at(&[flat]));
        let nested = nested.or_else(|| tree.at(&flat.split('.').collect::<Vec<_>>()));
        // PHP has no dots in names.
        let nested = nested.or_else(|| tree.at(&[flat.replace('.', "_").as_str()]));
        let judged = text(action, param);
        let seen = match nested {
            None => None,
            Some(Tree::Text(text)) => Some(text.clone()),
            Some(other) => Some(format!("{other:?}")),
        };
        if seen != judged {
            return Err(format!(
                "{server} sees {seen:?} as `{flat}`, and {judged:?} was judged"
            ));
        }
    }
    Ok(())
}
