//! Applies `TOLLGATE_…` variables over the values of the file. Their names come from the schema, so every key has one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;

use super::diagnostic::{Diagnostic, Place, Report, Source};
use super::manifest::Manifest;
use super::suggest;
use super::yaml::{Given, Override};

pub(super) const PREFIX: &str = "TOLLGATE_";

/// Variables that are not keys of the file.
const OTHERS: [&str; 3] = ["TOLLGATE_CONFIG", "TOLLGATE_LOG", "TOLLGATE_OPERATOR_TOKEN"];

/// A key of the file that a variable can set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Leaf {
    path: Vec<String>,
    list: bool,
}

/// Returns the values that variables set. Files named by `…_FILE` are relative to `base`.
pub(super) fn overrides(
    env: &BTreeMap<String, String>,
    base: &Path,
    report: &mut Report,
) -> Vec<Override> {
    let leaves = leaves();
    let mut set = BTreeSet::new();
    let mut overrides = Vec::new();
    for (name, value) in env {
        if !name.starts_with(PREFIX) || OTHERS.contains(&name.as_str()) {
            continue;
        }
        let from_file = name.strip_suffix("_FILE").and_then(|name| leaves.get(name));
        let (leaf, value) = match (leaves.get(name), from_file) {
            (Some(leaf), _) => (leaf, Ok(value.clone())),
            (None, Some(leaf)) => (leaf, std::fs::read_to_string(base.join(value))),
            (None, None) if is_service_link(name, value) => continue,
            (None, None) => {
                report.push(unknown(name, &leaves));
                continue;
            }
        };
        match value {
            Ok(_) if !set.insert(leaf) => {
                let message = format!("`{name}` and the same with `_FILE` are both set");
                report.push(Diagnostic::error("duplicate-variable", message).at(place(name)));
            }
            Ok(value) => overrides.push(leaf.given(name, &value)),
            Err(error) => {
                let message = format!("the file of `{name}` cannot be read: {error}");
                report.push(Diagnostic::error("unreadable-file", message).at(place(name)));
            }
        }
    }
    overrides
}

impl Leaf {
    fn given(&self, origin: &str, value: &str) -> Override {
        let value = value.trim_end_matches(['\n', '\r']);
        let items = value
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned);
        let value = if self.list {
            Given::List(items.collect())
        } else {
            Given::Scalar(value.to_owned())
        };
        Override {
            path: self.path.clone(),
            value,
            origin: origin.to_owned(),
        }
    }
}

fn place(name: &str) -> Place {
    let source = Source::named(name);
    Place::of(source)
}

fn unknown(name: &str, leaves: &BTreeMap<String, Leaf>) -> Diagnostic {
    let near: Vec<String> = suggest::near(name, leaves.keys().map(String::as_str))
        .iter()
        .map(|near| format!("`{near}`"))
        .collect();
    let help = if near.is_empty() {
        "names are the keys of `tollgate.yaml` joined by `_`: `TOLLGATE_LIMITS_FIRST_BYTE`"
            .to_owned()
    } else {
        format!("close to it: {}", near.join(", "))
    };
    let message = format!("the variable `{name}` is not known");
    Diagnostic::error("unknown-variable", message)
        .at(place(name))
        .help(help)
}

/// Returns whether Kubernetes set this for a service whose name begins with `tollgate`; every pod near it gets them.
fn is_service_link(name: &str, value: &str) -> bool {
    let url = value.starts_with("tcp://") || value.starts_with("udp://");
    let numbered = name
        .split("_PORT_")
        .skip(1)
        .any(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || numbered
        || (name.ends_with("_PORT") && url)
}

fn leaves() -> BTreeMap<String, Leaf> {
    let root = schemars::schema_for!(Manifest).to_value();
    let mut found = Vec::new();
    walk(&root, &root, &mut Vec::new(), &mut found);
    found
        .into_iter()
        .map(|leaf| {
            (
                format!("{PREFIX}{}", leaf.path.join("_").to_uppercase()),
                leaf,
            )
        })
        .collect()
}

fn walk(root: &Json, schema: &Json, path: &mut Vec<String>, found: &mut Vec<Leaf>) {
    let schema = resolve(root, schema);
    for alternatives in ["anyOf", "oneOf"] {
        for alternative in schema
            .get(alternatives)
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            walk(root, alternative, path, found);
        }
    }
    if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
        for (name, property) in properties {
            path.push(name.clone());
            walk(root, property, path, found);
            path.pop();
        }
    } else if is_scalar(schema) {
        found.push(Leaf {
            path: path.clone(),
            list: false,
        });
    } else if schema
        .get("items")
        .is_some_and(|items| is_scalar(resolve(root, items)))
    {
        found.push(Leaf {
            path: path.clone(),
            list: true,
        });
    }
}

fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    let reference = schema
        .get("$ref")
        .and_then(Json::as_str)
        .and_then(|reference| reference.strip_prefix('#'));
    reference
        .and_then(|pointer| root.pointer(pointer))
        .unwrap_or(schema)
}

fn is_scalar(schema: &Json) -> bool {
    let scalar = |name: &Json| {
        name.as_str()
            .is_some_and(|name| ["string", "integer", "number", "boolean"].contains(&name))
    };
    match schema.get("type") {
        Some(Json::Array(names)) => names.iter().any(scalar),
        Some(name) => scalar(name),
        None => schema.get("enum").is_some(),
    }
}
